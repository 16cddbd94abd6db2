import type { ArgumentsHost } from '@nestjs/common';

type Done = (error: object | null, ...answer: unknown[]) => unknown;

/** The part of a call of gRPC that is used; `end` ends a call that sends a stream. */
interface Call {
  readonly cancelled?: boolean;
  readonly destroyed?: boolean;
  readonly writableEnded?: boolean;
  readonly writableFinished?: boolean;
  end?(): unknown;
  emit(event: string, error: object): unknown;
  on(event: string, listener: () => void): unknown;
  removeListener(event: string, listener: () => void): unknown;
}

const calls = new WeakMap<object, GrpcStreamCall>();

/**
 * A call of a handler under `@GrpcStreamCall`, which Nest hands over to the handler: nothing that it returns or throws is an answer.
 * It ends when the handler ends its stream of answers or gives its only answer, or when the client cancels.
 */
export class GrpcStreamCall {
  readonly #whenAnswered = new Set<() => void>();
  #answered = false;

  /** @param done gives the only answer of a call that sends no stream */
  constructor(
    private readonly call: Call,
    private readonly done: Done | undefined,
  ) {}

  get cancelled(): boolean {
    return this.call.cancelled === true;
  }

  /** True when it has ended. Without a stream of answers, the stream of requests closes long before that. */
  get closed(): boolean {
    const { call, done } = this;
    return done ? this.#answered : call.writableFinished === true || call.destroyed === true;
  }

  /** True when it was answered, though the answer may be on its way. */
  get answered(): boolean {
    return this.done ? this.#answered : this.call.writableEnded === true;
  }

  on(event: string, listener: () => void): void {
    if (event !== 'close') this.call.on(event, listener);
    else if (this.done) this.#whenAnswered.add(listener);
    else for (const end of ['finish', 'close']) this.call.on(end, listener);
  }

  removeListener(event: string, listener: () => void): void {
    if (event !== 'close') this.call.removeListener(event, listener);
    else if (this.done) this.#whenAnswered.delete(listener);
    else for (const end of ['finish', 'close']) this.call.removeListener(end, listener);
  }

  /** Gives the only answer. */
  readonly answer: Done = (...answer) => {
    this.#answered = true;
    const result = this.done?.(...answer);
    for (const listener of [...this.#whenAnswered]) listener();
    return result;
  };

  /** Ends it with an empty answer. */
  finish(): void {
    if (this.cancelled || this.answered) return;
    if (this.done) this.answer(null, {});
    else this.call.end?.();
  }

  /** Ends it with the status of an error. */
  fail(status: object): void {
    if (this.cancelled || this.answered) return;
    if (this.done) this.answer(status);
    else this.call.emit('error', status);
  }
}

/** Undefined where Nest answers the call itself. The handler gets a function for its answer that notes the call of it. */
export function grpcStreamCallOf(host: ArgumentsHost): GrpcStreamCall | undefined {
  if (host.getType<string>() !== 'rpc') return undefined;
  const args: unknown[] = host.getArgs();
  const [call, done] = args;
  if (!isGrpcCall(call)) return undefined;
  const known = calls.get(call);
  if (known) return known;
  const isDone = typeof done === 'function';
  const streamCall = new GrpcStreamCall(call as Call, isDone ? (done as Done) : undefined);
  if (isDone) args[1] = streamCall.answer;
  calls.set(call, streamCall);
  return streamCall;
}

/** Nest gives other gRPC methods the data, the metadata and the call. */
export function isGrpcCall(call: unknown): call is object {
  return typeof call === 'object' && call !== null && 'sendMetadata' in call && 'getPeer' in call;
}
