import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { BaseExceptionFilter, type HttpAdapterHost } from '@nestjs/core';
import { of, throwError } from 'rxjs';
import { CoordinationError } from '../../errors.js';
import { clientErrorOf, rpcErrorOf, tellRetryAfter } from './client-error.js';
import { grpcStreamCallOf } from './grpc-stream-call.js';
import { httpAnswerOf } from './http-response.js';

/**
 * Gives a coordination error the shape of its transport. It is registered before the filters of the application, so Nest asks it last:
 * a filter of the application that catches these errors goes first.
 */
@Catch(CoordinationError)
export class CoordinationExceptionFilter implements ExceptionFilter<CoordinationError> {
  constructor(private readonly adapterHost: HttpAdapterHost) {}

  catch(error: CoordinationError, host: ArgumentsHost): unknown {
    switch (host.getType<string>()) {
      case 'rpc':
        return this.#answerMessage(error, host);
      case 'http':
        return this.#answer(error, host);
      case 'graphql':
      case 'ws':
        // GraphQL takes what a filter returns as the error of the field, and shows its message.
        return clientErrorOf(error);
      default:
        // Another library called the handler. A value that a filter returns would be the result of its call, and so a success.
        throw error;
    }
  }

  #answerMessage(error: CoordinationError, host: ArgumentsHost): unknown {
    const status = rpcErrorOf(error, host);
    const streamCall = grpcStreamCallOf(host);
    if (!streamCall) return throwError(() => status);
    streamCall.fail(status);
    // Nest passes no error of such a call on to the client, and would end the process by it.
    return of(undefined);
  }

  #answer(error: CoordinationError, host: ArgumentsHost): void {
    const answer = httpAnswerOf(host, this.adapterHost);
    if (!answer) throw error;
    tellRetryAfter(error, answer.response, this.adapterHost);
    new BaseExceptionFilter(answer.httpAdapter).catch(error, host);
  }
}
