import { type CallHandler, type ExecutionContext, HttpStatus, type NestInterceptor } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { catchError, Observable, type Subscriber, tap } from 'rxjs';
import { CoordinationError } from '../../errors.js';
import type { LockProvider } from '../../lock/lock-registry.js';
import { clientErrorOf, tellRetryAfter } from '../filters/client-error.js';
import { laterPartOf, readByNobody, whenRead } from './call-extent.js';
import { type Client, clientOf, httpResponseOf } from './client.js';
import { definitionOf, type SynchronizedDefinition } from '../definition.js';
import { eventOf, markUnderAppConfig } from '../filters/message-boundary.interceptor.js';
import { refusals } from '../filters/refusals.js';
import { nestAnswersFor } from './response-parameter.js';
import { Scope } from './scope.js';

/**
 * The outermost interceptor of an application: it opens a scope around every call of a handler under `@Synchronized`,
 * so that the lock taken inside is given back after every other interceptor has ended.
 */
export class SynchronizedInterceptor implements NestInterceptor {
  constructor(
    private readonly coordinatorName: string | undefined,
    private readonly provider: LockProvider,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const definition = definitionOf(context.getHandler());
    const ours = definition && definition.options.coordinator === this.coordinatorName;
    if (context.getType() === 'rpc') markUnderAppConfig(context);
    const call = ours ? this.#inScope(definition, context, next) : next.handle();
    // The error may also come from a provider that the handler called.
    return call.pipe(
      catchError((error: unknown) => {
        throw error instanceof CoordinationError ? this.#forClient(error, context) : error;
      }),
    );
  }

  #inScope(
    definition: SynchronizedDefinition,
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> {
    return new Observable((subscriber) => {
      // The sender of an event waits for no answer: the event is to be handled also when its sender has left.
      const client = eventOf(context) === undefined ? clientOf(context) : undefined;
      const scope = new Scope(definition, this.provider, client);
      const onGone = (): void => void (client?.answered || scope.abandon());
      const forget = client?.onGone(onGone);
      subscriber.add(() => {
        forget?.();
        void scope.end();
      });
      // It left while guards were asked.
      if (client?.gone) onGone();
      const call: HandlerCall = { scope, definition, client, context, subscriber };
      const answer = takesAnswer(definition, context) ? () => this.#answerSkipped(context) : undefined;
      open(call, next, answer).catch((error: unknown) => fail(call, error));
    });
  }

  /** A handler that has taken the response would have answered; as it did not run, nobody else does. */
  #answerSkipped(context: ExecutionContext): void {
    const { httpAdapter } = this.adapterHost;
    const response = httpResponseOf(context);
    if (!httpAdapter.isHeadersSent(response)) httpAdapter.reply(response, undefined, HttpStatus.NO_CONTENT);
  }

  /** After the headers, as in server-sent events, the message itself goes to the client. */
  #forClient(error: CoordinationError, context: ExecutionContext): Error {
    const event = eventOf(context);
    if (event !== undefined) refusals.tell(error, event);
    const response = httpResponseOf(context);
    if (response === undefined) return error;
    if (this.adapterHost.httpAdapter.isHeadersSent(response)) return clientErrorOf(error);
    tellRetryAfter(error, response, this.adapterHost);
    return error;
  }
}

interface HandlerCall {
  readonly scope: Scope;
  readonly definition: SynchronizedDefinition;
  readonly client: Client | undefined;
  readonly context: ExecutionContext;
  readonly subscriber: Subscriber<unknown>;
}

/** True when the handler answers by the response that it has taken. */
function takesAnswer({ takesResponse }: SynchronizedDefinition, context: ExecutionContext): boolean {
  return takesResponse && context.getType() === 'http' && !nestAnswersFor(context.getHandler());
}

/** @param answerSkipped where the handler would have answered itself: does so for one that was skipped */
async function open(call: HandlerCall, next: CallHandler, answerSkipped?: () => void): Promise<void> {
  const { scope, definition, subscriber } = call;
  const early = definition.options.beforeInterceptors ? definition.nameOf(undefined, []) : undefined;
  const atEnd = (): void => void complete(call, answerSkipped).catch((error: unknown) => fail(call, error));
  if (early !== undefined && !(await scope.take(early))) {
    subscriber.next(undefined);
    return atEnd();
  }
  const source = scope.run(() => next.handle()).pipe(tap((value) => holdWhileRead(call, value)));
  const inner = scope.run(() =>
    source.subscribe({
      next: (value) => subscriber.next(value),
      error: (error: unknown) => void fail(call, error),
      complete: atEnd,
    }),
  );
  subscriber.add(inner);
}

/** What was returned may be read only now: over HTTP by who sends it, and otherwise by nobody. */
function holdWhileRead({ scope, definition, client, context }: HandlerCall, value: unknown): void {
  const later = laterPartOf(value);
  if (!later) return;
  const { returns, label, options } = definition;
  const http = context.getType() === 'http';
  if (returns === 'async-iterable') {
    // It holds its lock itself. Nobody ends one whose reader left before it began to read.
    if (http) void client?.whenGone().then(() => endIterator(later.value));
    return;
  }
  if (!http) {
    if (options.returns === 'promise') return;
    throw readByNobody(later, label);
  }
  const read = whenRead(later, client);
  if (read) scope.holdWhile(read, () => client?.cut());
}

/** Never rejects: what an iterator throws at its end, it has thrown to who read it. */
async function endIterator(iterable: object): Promise<void> {
  if (!('return' in iterable) || typeof iterable.return !== 'function') return;
  await Promise.resolve(iterable.return()).catch(() => undefined);
}

/** Tells the end after the locks were given back, so that a client that comes again at once finds them free. */
async function complete(
  { scope, client, subscriber }: HandlerCall,
  answerSkipped: (() => void) | undefined,
): Promise<void> {
  if (answerSkipped && scope.skipped) answerSkipped();
  else if (answerSkipped && client && !client.gone) scope.holdWhile(client.whenGone(), () => client.cut());
  await scope.end();
  if (scope.lost) subscriber.error(scope.lost);
  else subscriber.complete();
}

async function fail({ scope, subscriber }: HandlerCall, error: unknown): Promise<void> {
  if (scope.wasLeft(error)) refusals.overlook(error);
  await scope.end();
  subscriber.error(error);
}
