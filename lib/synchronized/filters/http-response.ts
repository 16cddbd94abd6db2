import type { ArgumentsHost } from '@nestjs/common';
import type { AbstractHttpAdapter, HttpAdapterHost } from '@nestjs/core';

/** Each response of HTTP has one of these: Node's and Express', that of Fastify, and those of other adapters. */
const MARKS = ['setHeader', 'header', 'set'];

/** The response of an HTTP call, and the adapter that answers with it. */
interface HttpAnswer {
  readonly response: object;
  readonly httpAdapter: AbstractHttpAdapter;
}

/**
 * The response of an HTTP call, as the adapter knows it; undefined on other transports. Undefined too where another library made the
 * handler by `ExternalContextCreator` and named no type of context: Nest calls it 'http' then, and the arguments are the library's.
 */
export function httpResponseOf(host: ArgumentsHost): object | undefined {
  if (host.getType() !== 'http') return undefined;
  const response: unknown = host.switchToHttp().getResponse();
  if (typeof response !== 'object' || response === null) return undefined;
  return MARKS.some((mark) => mark in response) ? response : undefined;
}

/** Undefined where there is no response, and in an application that serves no HTTP. */
export function httpAnswerOf(host: ArgumentsHost, adapterHost: HttpAdapterHost): HttpAnswer | undefined {
  const response = httpResponseOf(host);
  const httpAdapter: AbstractHttpAdapter | null | undefined = adapterHost.httpAdapter;
  return response && httpAdapter ? { response, httpAdapter } : undefined;
}
