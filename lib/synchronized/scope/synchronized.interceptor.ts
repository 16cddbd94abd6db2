import { type CallHandler, type ExecutionContext, HttpStatus, type NestInterceptor } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { catchError, Observable } from 'rxjs';
import { CoordinationError } from '../../errors.js';
import type { LockProvider } from '../../lock/index.js';
import {
  clientErrorOf,
  eventOf,
  grpcStreamCallOf,
  httpAnswerOf,
  markUnderAppConfig,
  refusals,
  tellRetryAfter,
} from '../filters/index.js';
import { clientOf } from './client.js';
import { definitionOf, isWrapper, type SynchronizedDefinition } from '../definition/index.js';
import { holdUntilEnd, keepsForRequest } from '../request/index.js';
import { HandlerCall } from './handler-call.js';
import { nestAnswersFor } from './response-parameter.js';
import { Scope } from './scope.js';

/** By handler: metadata is slow to look up, and does not change from one call to the next. */
const definitions = new WeakMap<Function, SynchronizedDefinition | null>();

function knownDefinitionOf(handler: Function): SynchronizedDefinition | null {
  let known = definitions.get(handler);
  if (known === undefined) definitions.set(handler, (known = definitionOf(handler) ?? null));
  return known;
}

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
    if (!keepsForRequest()) return this.#intercept(context, next);
    return holdUntilEnd(
      () => this.#intercept(context, next),
      (error) => this.#forClient(error, context),
    );
  }

  #intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const type = context.getType<string>();
    if (type === 'rpc') {
      markUnderAppConfig(context);
      // From here on the call notices when the handler has answered by itself.
      grpcStreamCallOf(context);
    }
    const definition = knownDefinitionOf(context.getHandler());
    if (definition && definition.options.coordinator === this.coordinatorName)
      return this.#inScope(definition, context, next);
    if (type !== 'http' && type !== 'rpc') return next.handle();
    // The error may come from a provider that the handler called. A filter of the application may answer it without our own one.
    return next.handle().pipe(
      catchError((error: unknown) => {
        throw this.#forClient(error, context);
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
      // A decorator above that calls it does so perhaps several times, or when the call has ended.
      const eachForItself = definition.returns === 'promise' && !isWrapper(context.getHandler());
      const scope = new Scope(definition, this.provider, client, eachForItself);
      const call = new HandlerCall(scope, definition, client, subscriber, {
        http: context.getType() === 'http',
        errorFor: (error) => this.#forClient(error, context),
        answerSkipped: this.#answerSkippedOf(definition, context),
      });
      call.open(next);
      return () => void scope.end();
    });
  }

  /** Makes the answer for a skipped handler that would answer by itself. */
  #answerSkippedOf(definition: SynchronizedDefinition, context: ExecutionContext): (() => void) | undefined {
    if (takesAnswer(definition, context)) return () => this.#answerSkipped(context);
    const streamCall = grpcStreamCallOf(context);
    return streamCall && (() => streamCall.finish());
  }

  /** A handler that has taken the response would have answered. It did not run, so this answers for it. */
  #answerSkipped(context: ExecutionContext): void {
    const answer = httpAnswerOf(context, this.adapterHost);
    if (!answer) return;
    const { httpAdapter, response } = answer;
    if (!httpAdapter.isHeadersSent(response)) httpAdapter.reply(response, undefined, HttpStatus.NO_CONTENT);
  }

  /** After the headers, as in server-sent events, the message itself goes to the client. */
  #forClient(error: unknown, context: ExecutionContext): unknown {
    if (!(error instanceof CoordinationError)) return error;
    // Before the filters: they do not know events, and do not see the error that ends a half-sent answer.
    refusals.tell(error, eventOf(context));
    const answer = httpAnswerOf(context, this.adapterHost);
    if (!answer) return error;
    if (answer.httpAdapter.isHeadersSent(answer.response)) return clientErrorOf(error);
    tellRetryAfter(error, answer.response, this.adapterHost);
    return error;
  }
}

/** True when the handler answers by the response that it has taken. */
function takesAnswer({ takesResponse }: SynchronizedDefinition, context: ExecutionContext): boolean {
  return takesResponse && context.getType() === 'http' && !nestAnswersFor(context.getHandler());
}
