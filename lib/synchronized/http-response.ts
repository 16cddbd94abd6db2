import type { ExecutionContext } from '@nestjs/common';
import type { RawResponse } from './streamed-body.js';

/** The response of an HTTP call, as the adapter knows it; undefined on other transports. */
export function httpResponseOf(context: ExecutionContext): object | undefined {
  if (context.getType() !== 'http') return undefined;
  const response: unknown = context.switchToHttp().getResponse();
  return typeof response === 'object' && response !== null ? response : undefined;
}

/** Node's own response, which tells when the client has left; also of a GraphQL call that came over HTTP. */
export function rawResponseOf(context: ExecutionContext): RawResponse | undefined {
  const response = httpResponseOf(context) ?? graphqlResponseOf(context);
  if (response === undefined) return undefined;
  const raw: unknown = 'raw' in response ? response.raw : response;
  return isRawResponse(raw) ? raw : undefined;
}

/** GraphQL passes its context as the third argument; by custom it holds `res`, or `req` which knows its `res`. */
function graphqlResponseOf(context: ExecutionContext): object | undefined {
  if (context.getType<string>() !== 'graphql') return undefined;
  const graphqlContext: unknown = context.getArgByIndex(2);
  return property(graphqlContext, 'res') ?? property(property(graphqlContext, 'req'), 'res');
}

function property(holder: unknown, name: string): object | undefined {
  if (typeof holder !== 'object' || holder === null) return undefined;
  const value: unknown = Reflect.get(holder, name);
  return typeof value === 'object' && value !== null ? value : undefined;
}

function isRawResponse(value: unknown): value is RawResponse {
  return typeof value === 'object' && value !== null && 'writableEnded' in value && 'once' in value;
}
