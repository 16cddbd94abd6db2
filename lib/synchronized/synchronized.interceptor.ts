import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { catchError, Observable, type Subscriber, tap } from 'rxjs';
import { CoordinationError } from '../errors.js';
import type { LockProvider } from '../lock/lock-provider.js';
import { clientErrorOf, tellRetryAfter } from './client-error.js';
import { definitionOf, hiddenIterable, isAsyncIterable, type SynchronizedDefinition } from './definition.js';
import { httpResponseOf, rawResponseOf } from './http-response.js';
import { eventOf, markUnderAppConfig } from './message-boundary.interceptor.js';
import { refusals } from './refusals.js';
import { Scope } from './scope.js';
import { isClosed, type RawResponse, whenRead } from './streamed-body.js';

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
      const scope = new Scope(definition, this.provider);
      const response = rawResponseOf(context);
      const onClose = (): void => void (response?.writableEnded || scope.abandon());
      response?.once('close', onClose);
      subscriber.add(() => {
        response?.removeListener('close', onClose);
        void scope.end();
      });
      // It left while guards were asked.
      if (response && isClosed(response)) onClose();
      open(scope, definition, next, context, response, subscriber).catch((error: unknown) =>
        fail(scope, error, subscriber),
      );
    });
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

async function open(
  scope: Scope,
  definition: SynchronizedDefinition,
  next: CallHandler,
  context: ExecutionContext,
  response: RawResponse | undefined,
  subscriber: Subscriber<unknown>,
): Promise<void> {
  const { constantName, returns, label } = definition;
  // An async generator takes its lock with its first value, when this call has long ended.
  const early = returns === 'async-iterable' ? undefined : constantName;
  if (early !== undefined && !(await scope.take(early))) {
    subscriber.next(undefined);
    subscriber.complete();
    return;
  }
  const keepWhileRead = (value: unknown): void => {
    if (returns === 'async-iterable') return;
    // HTTP alone reads it at once, and tells when it is done.
    if (isAsyncIterable(value) && context.getType() !== 'http') throw hiddenIterable(label);
    const read = whenRead(value, response);
    if (read) scope.holdWhile(read, () => response?.destroy?.());
  };
  const source = scope.run(() => next.handle()).pipe(tap(keepWhileRead));
  const inner = scope.run(() =>
    source.subscribe({
      next: (value) => subscriber.next(value),
      error: (error: unknown) => void fail(scope, error, subscriber),
      complete: () => void complete(scope, subscriber),
    }),
  );
  subscriber.add(inner);
}

/** Tells the end after the locks were given back, so that a client that comes again at once finds them free. */
async function complete(scope: Scope, subscriber: Subscriber<unknown>): Promise<void> {
  await scope.end();
  if (scope.lost) subscriber.error(scope.lost);
  else subscriber.complete();
}

async function fail(scope: Scope, error: unknown, subscriber: Subscriber<unknown>): Promise<void> {
  await scope.end();
  subscriber.error(error);
}
