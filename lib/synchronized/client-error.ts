import { HttpException, HttpStatus, Logger } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { CoordinationError } from '../errors.js';

const MISTAKE: number = HttpStatus.INTERNAL_SERVER_ERROR;

const logger = new Logger('Synchronized');

/** Logs what is a mistake in the application: its client is not told which, and Nest logs no HttpException. */
export function logMistake(error: CoordinationError): void {
  if (error.getStatus() === MISTAKE) logger.error(error.message, error.stack);
}

/** The error with nothing in it but what a client may know, where a transport sends the message to its client. */
export function clientErrorOf(error: CoordinationError): HttpException {
  return new HttpException(error.getResponse(), error.getStatus(), { cause: error });
}

/** What clients of message handlers and gateways are sent. */
export function clientBodyOf(error: CoordinationError): object {
  return { status: 'error', ...(error.getResponse() as object) };
}

/** Tells an HTTP client when to come again, where that makes sense and can still be told. */
export function tellRetryAfter(
  error: CoordinationError,
  response: object,
  { httpAdapter }: HttpAdapterHost,
): void {
  if (error.retryAfter === undefined || httpAdapter.isHeadersSent(response)) return;
  httpAdapter.setHeader(response, 'Retry-After', String(Math.ceil(error.retryAfter / 1000)));
}
