import { type ExecutionContext, HttpStatus } from '@nestjs/common';
import { constants } from 'node:http2';
import type { CancelSource } from '../../common/cancellation.js';
import { type GrpcStreamCall, grpcStatusOf, grpcStreamCallOf, httpResponseOf } from '../filters/index.js';
import { onEnd, type ClientLink } from './client-link.js';

/** The part of an HTTP response that is used here: Express' and Node's own, or what Fastify calls `raw`. */
interface RawResponse extends ClientLink {
  readonly writableEnded: boolean;
  readonly headersSent?: boolean;
  /** How much has still to be written to the connection, in bytes; no number for a connection that is not real. */
  readonly writableLength?: number;
  destroy?(): unknown;
}

/** The part of a stream of HTTP/2 that is used here. */
interface Http2Stream extends ClientLink {
  close(code: number): void;
}

/**
 * The client that waits for the answer of a call, as far as its transport shows it.
 *
 * It listens to more than the response. A pipelined request that waits behind another one has a response that is never closed, also
 * when its connection is. A response of HTTP/2 tells less than its stream. A response that was made without a server, as on Lambda, is
 * never closed at all: one of HTTP/1 has ended when it was sent.
 */
export class Client implements CancelSource {
  /**
   * @param response where it is one of HTTP
   * @param line another object that tells that the client has left: a socket, a stream of HTTP/2, a call of gRPC
   */
  constructor(
    private readonly response: RawResponse | undefined,
    private readonly line: ClientLink | undefined,
    private readonly stream?: Http2Stream,
  ) {}

  /** True when the client has left, or all of its answer was sent. */
  get gone(): boolean {
    const { response, line } = this;
    return (
      (response !== undefined && (hasEnded(response) || this.#wasSent)) ||
      (line !== undefined && hasEnded(line))
    );
  }

  /** True when the client has left without its answer. */
  get hasLeft(): boolean {
    return this.gone && !this.answered;
  }

  /** True when the answer was given, though it may be on its way. */
  get answered(): boolean {
    return this.response?.writableEnded === true;
  }

  /** True when a part of the answer may have been sent. */
  get answering(): boolean {
    return this.response?.headersSent === true;
  }

  /** Calls `listener` once the client has gone; returns how to call that off. Check `gone` before: a client that has gone rings no more. */
  onGone(listener: () => void): () => void {
    const offResponse = this.response && onEnd(this.response, ring, this.#endsWhenSent);
    const offLine = this.line && onEnd(this.line, ring);
    function stop(): void {
      offResponse?.();
      offLine?.();
    }
    function ring(): void {
      stop();
      listener();
    }
    return stop;
  }

  /** With HTTP/2 the stream tells the end. */
  get #endsWhenSent(): boolean {
    return this.stream === undefined;
  }

  /** Its `writableFinished` is never true on a connection that does not tell what it has still to write, as on Lambda. */
  get #wasSent(): boolean {
    return this.answered && this.#endsWhenSent && !(Number(this.response?.writableLength) > 0);
  }

  /** Resolves once the client has gone. */
  whenGone(): Promise<void> {
    if (this.gone) return Promise.resolve();
    return new Promise((resolve) => {
      this.onGone(resolve);
    });
  }

  /** Ends an answer half-way, so that it looks broken to the client. */
  cut(): void {
    if (this.answered || this.gone) return;
    // Destroyed without an error, a stream of HTTP/2 looks as if it had come to its end.
    if (this.stream) this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else this.response?.destroy?.();
  }
}

/** The status of a call whose lease was lost while it was answered. */
const LOST = grpcStatusOf(HttpStatus.CONFLICT, 'Conflict');

/** The client of a call of gRPC that its handler answers by itself. */
class StreamCallClient extends Client {
  constructor(private readonly call: GrpcStreamCall) {
    super(undefined, call);
  }

  override get answered(): boolean {
    return this.call.answered;
  }

  override cut(): void {
    this.call.fail(LOST);
  }
}

/** The client of a call; undefined where the transport does not show when it leaves (Redis, NATS, Kafka, …). */
export function clientOf(context: ExecutionContext): Client | undefined {
  switch (context.getType<string>()) {
    case 'http':
      return httpClient(httpResponseOf(context));
    case 'graphql':
      return graphqlClient(asObject(context.getArgByIndex(2)));
    case 'rpc':
      return rpcClient(context);
    default:
      // A gateway's own adapter unsubscribes from the call.
      return undefined;
  }
}

/** @param holder a request or a response, of Node, Express or Fastify */
function httpClient(holder: object | undefined): Client | undefined {
  const raw = property(holder, 'raw') ?? holder;
  if (!raw) return undefined;
  const response = isRawResponse(raw) ? raw : undefined;
  const stream = property(raw, 'stream');
  const http2 = stream && isHttp2Stream(stream) ? stream : undefined;
  const connection = http2 ?? property(property(raw, 'req') ?? raw, 'socket');
  const line = connection && isLine(connection) ? connection : undefined;
  return response || line ? new Client(response, line, http2) : undefined;
}

/**
 * By custom the context of GraphQL holds the response, or the request that knows it, under one of these names. Over a
 * WebSocket (graphql-ws) it is the request with which the connection was opened.
 */
function graphqlClient(context: object | undefined): Client | undefined {
  const request = property(context, 'req') ?? property(context, 'request');
  const extra = property(request, 'extra') ?? property(context, 'extra');
  return (
    httpClient(property(context, 'res')) ??
    httpClient(property(context, 'reply')) ??
    httpClient(property(request, 'res')) ??
    httpClient(property(extra, 'request')) ??
    httpClient(request)
  );
}

/** A call of gRPC tells by itself that it was cancelled; for a message over TCP its connection does. */
function rpcClient(context: ExecutionContext): Client | undefined {
  const streamCall = grpcStreamCallOf(context);
  if (streamCall) return new StreamCallClient(streamCall);
  const call = asObject(context.getArgByIndex(2));
  if (call && 'cancelled' in call && isLine(call)) return new Client(undefined, call);
  const tcp = asObject(context.getArgByIndex(1));
  const reference: unknown =
    tcp && 'getSocketRef' in tcp && typeof tcp.getSocketRef === 'function' ? tcp.getSocketRef() : undefined;
  return httpClient(asObject(reference));
}

function hasEnded({ closed, destroyed, aborted, cancelled }: ClientLink): boolean {
  return closed === true || destroyed === true || aborted === true || cancelled === true;
}

function property(holder: object | undefined, name: string): object | undefined {
  return holder && asObject(Reflect.get(holder, name));
}

function asObject(value: unknown): object | undefined {
  return typeof value === 'object' && value !== null ? value : undefined;
}

function isRawResponse(value: object): value is RawResponse {
  return 'writableEnded' in value && isLine(value);
}

function isHttp2Stream(value: object): value is Http2Stream {
  return 'rstCode' in value && 'close' in value && isLine(value);
}

function isLine(value: object): value is ClientLink {
  return 'on' in value && typeof value.on === 'function' && 'removeListener' in value;
}
