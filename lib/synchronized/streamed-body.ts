import { StreamableFile } from '@nestjs/common';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';

/** The part of an HTTP response that is looked at: Express' and Node's own, or what Fastify calls `raw`. */
export interface RawResponse {
  readonly writableEnded: boolean;
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  destroy?(): unknown;
  once(event: 'close', listener: () => void): unknown;
  removeListener(event: 'close', listener: () => void): unknown;
}

/**
 * When a value that a handler returned has been read to its end, or its reader has left; undefined for a value that is
 * complete as it is. Never rejects.
 */
export function whenRead(value: unknown, response: RawResponse | undefined): Promise<void> | undefined {
  const stream = value instanceof StreamableFile ? value.getStream() : value;
  if (stream instanceof Readable) return whenStreamEnds(stream, response);
  return response && isStreamed(stream) ? whenClosed(response) : undefined;
}

/** A client that leaves does not end the stream it was reading from: nobody would read it any more, so it is ended. */
async function whenStreamEnds(stream: Readable, response: RawResponse | undefined): Promise<void> {
  if (response) void whenClosed(response).then(() => stream.destroy());
  try {
    await finished(stream, { writable: false });
  } catch {
    // An error ends the stream as well; who reads it is told by the stream itself.
    return;
  }
}

/** True when the client has left, or has been answered. */
export function isClosed(response: RawResponse): boolean {
  return response.closed === true || response.destroyed === true;
}

function whenClosed(response: RawResponse): Promise<void> {
  if (isClosed(response)) return Promise.resolve();
  return new Promise((resolve) => {
    response.once('close', resolve);
  });
}

function isStreamed(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof ReadableStream || value instanceof Response || Symbol.asyncIterator in value;
}
