import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** The request and the response that Nest gives a handler: Node's own on Express, and on Fastify objects that have them. */
export type PlatformRequest = IncomingMessage | { readonly raw: IncomingMessage };
export type PlatformResponse = ServerResponse | { readonly raw: ServerResponse; hijack(): unknown };

/** The headers of every answer. */
const HEADERS: OutgoingHttpHeaders = {
  'cache-control': 'no-store, no-transform',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * One request and its answer, on Express and on Fastify. The answer bypasses the interceptors of the application: one that wraps
 * answers in an envelope, or ends them after a time, would break the page.
 */
export class Exchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: PlatformRequest, response: PlatformResponse) {
    this.#request = 'raw' in request ? request.raw : request;
    if ('hijack' in response) response.hijack();
    this.#response = 'raw' in response ? response.raw : response;
  }

  get headers(): IncomingHttpHeaders {
    return this.#request.headers;
  }

  /** Whether the browser speaks TLS, to a proxy perhaps. */
  get secure(): boolean {
    const { headers, socket } = this.#request;
    return 'encrypted' in socket || headers['x-forwarded-proto'] === 'https';
  }

  /** Answers with the result, or with the reason why there is none. */
  answer(status: number, body: object): void {
    this.json(status, JSON.stringify(body));
  }

  /** @param body as JSON already */
  json(status: number, body: string): void {
    this.send(status, body, { 'content-type': 'application/json; charset=utf-8' });
  }

  send(status: number, body: string, headers: OutgoingHttpHeaders): void {
    this.#response.writeHead(status, { ...HEADERS, 'content-length': Buffer.byteLength(body), ...headers });
    this.#response.end(body);
  }

  /** Begins an answer of server-sent events. */
  stream(): EventStream {
    this.#response.writeHead(200, {
      ...HEADERS,
      'content-type': 'text/event-stream; charset=utf-8',
      // A proxy must not collect the events before it passes them on.
      'x-accel-buffering': 'no',
    });
    this.#response.flushHeaders();
    return new EventStream(this.#response);
  }
}

/** A viewer that reads slowly misses events when it has more than this unread, bytes. */
const BACKLOG = 1_000_000;

export class EventStream {
  constructor(private readonly response: ServerResponse) {}

  /** @param data without line breaks */
  send(data: string): void {
    if (this.response.writableEnded || this.response.writableLength > BACKLOG) return;
    this.response.write(`data: ${data}\n\n`);
  }

  end(): void {
    this.response.end();
  }

  onClose(listener: () => void): void {
    if (this.response.destroyed) listener();
    else this.response.once('close', listener);
  }
}
