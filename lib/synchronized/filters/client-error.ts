import { type ArgumentsHost, HttpException } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { CoordinationError } from '../../errors.js';
import { isGrpcCall } from './grpc-stream-call.js';
import { refusals } from './refusals.js';

/**
 * The gRPC code for each HTTP status. After UNAVAILABLE a client may simply send the call again. ABORTED asks it to begin
 * anew, with reading. https://grpc.io/docs/guides/status-codes/
 */
const GRPC_CODES: Readonly<Record<number, number>> = { 409: 10, 423: 14, 429: 8, 503: 14 };
const GRPC_INTERNAL = 13;

/** The error with only the facts that a client may know, for a transport that sends the message to its client. */
export function clientErrorOf(error: CoordinationError): HttpException {
  return new HttpException(error.getResponse(), error.getStatus(), { cause: error });
}

/** The error that is thrown to GraphQL in place of another one: GraphQL shows the message of every error. */
export function graphqlErrorOf(error: unknown): unknown {
  if (!(error instanceof CoordinationError)) return error;
  refusals.tell(error);
  return clientErrorOf(error);
}

/** The body that clients of message handlers and gateways get. */
export function clientBodyOf(error: CoordinationError): object {
  return { status: 'error', ...(error.getResponse() as object) };
}

/** The body for the client of a message handler: gRPC takes a code and a text of its own from it. */
export function rpcErrorOf(error: CoordinationError, host: ArgumentsHost): object {
  if (!isGrpcCall(host.getArgByIndex(2)) && !isGrpcCall(host.getArgByIndex(0))) return clientBodyOf(error);
  const { message } = error.getResponse() as { message: string };
  return grpcStatusOf(error.getStatus(), message);
}

/** The object of which gRPC makes an answer. */
export function grpcStatusOf(httpStatus: number, message: string): object {
  return { code: GRPC_CODES[httpStatus] ?? GRPC_INTERNAL, message, details: message };
}

/** Tells an HTTP client when to try again, where that makes sense and the headers were not sent yet. */
export function tellRetryAfter(
  error: CoordinationError,
  response: object,
  { httpAdapter }: HttpAdapterHost,
): void {
  if (error.retryAfter === undefined || httpAdapter.isHeadersSent(response)) return;
  httpAdapter.setHeader(response, 'Retry-After', String(Math.ceil(error.retryAfter / 1000)));
}
