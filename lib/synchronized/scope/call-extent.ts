import { StreamableFile } from '@nestjs/common';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { isObservable } from 'rxjs';
import { InvalidOptionsError } from '../../errors.js';
import type { Client } from './client.js';
import { isAsyncIterable } from '../definition/index.js';

/*
 * What counts as "the call", decided here for everybody.
 *
 * A call ends with what its method has returned, once that was awaited, unless there is more to it than a value:
 *
 *   what it is awaited to           a handler over HTTP           another handler    anything else
 *   a value                         its end                       its end            its end
 *   an Observable                   to its end                    to its end         refused
 *   a stream, a StreamableFile      until it has ended            refused            refused
 *   another iterable, a Response    until the client has gone     refused            refused
 *   whatever, taken by @Res()       until the client has gone     –                  –
 *
 * Refused is what would be read when the lock is given back, or what nobody would read and so never end. The option
 * `returns: 'promise'` says that the lock is for the promise alone.
 */

/** What a method has returned, where that is not all there is to it. */
export type LaterPart =
  | { readonly kind: 'observable' | 'iterable' | 'response'; readonly value: object }
  | { readonly kind: 'stream'; readonly value: Readable };

/** What of a value that was awaited is read only now; undefined for one that is complete as it is. */
export function laterPartOf(value: unknown): LaterPart | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if ('subscribe' in value && isObservable(value)) return { kind: 'observable', value };
  if (value instanceof StreamableFile) return { kind: 'stream', value: value.getStream() };
  if (isStream(value)) return { kind: 'stream', value };
  if (isAsyncIterable(value)) return { kind: 'iterable', value };
  return isUnreadResponse(value) ? { kind: 'response', value } : undefined;
}

/** When that has been read to its end over HTTP, or its reader has left. Never rejects. */
export function whenRead(part: LaterPart, client: Client | undefined): Promise<void> | undefined {
  if (part.kind === 'stream') return whenStreamEnds(part.value, client);
  return part.kind === 'observable' ? undefined : client?.whenGone();
}

/** The error of a method whose lock would be given back before its result is read; also ends what nobody will read. */
export function readTooLate(part: LaterPart, label: string): InvalidOptionsError {
  discard(part);
  const tooLate = 'its lock would be given back before it is read';
  switch (part.kind) {
    case 'observable':
      return new InvalidOptionsError(
        `${label}: it returned an Observable, which its signature does not show, so ${tooLate}; return it without a promise, and declare ": Observable<…>" or pass { returns: 'observable' }`,
      );
    case 'iterable':
      return new InvalidOptionsError(
        `${label}: it returned an async iterable without being an async generator, so ${tooLate}; write "async *", or return it without a promise and pass { returns: 'async-iterable' }`,
      );
    default:
      return new InvalidOptionsError(
        `${label}: it returned a ${part.kind}, so ${tooLate}; put @Synchronized on the HTTP handler that sends it, write an async generator, or pass { returns: 'promise' } if the lock is not for reading it`,
      );
  }
}

/** The error of a handler that is not HTTP's: nobody would read this, so that it would hold its lock for ever. */
export function readByNobody(part: LaterPart, label: string): InvalidOptionsError {
  if (part.kind === 'iterable') return readTooLate(part, label);
  discard(part);
  return new InvalidOptionsError(
    `${label}: it returned a ${part.kind}, which only HTTP sends, so its lock would never be given back; return what is in it, or an Observable`,
  );
}

/** Has whatever still gives values give no more. */
export function discard({ kind, value }: LaterPart): void {
  if (kind === 'stream') value.destroy();
  else if (value instanceof ReadableStream && !value.locked) {
    // What it was read from may fail at that; nobody is there to be told.
    value.cancel().catch(() => undefined);
  }
}

/** A client that leaves does not end the stream it was reading from: nobody would read it any more, so it is ended. */
async function whenStreamEnds(stream: Readable, client: Client | undefined): Promise<void> {
  if (client) void client.whenGone().then(() => stream.destroy());
  try {
    await finished(stream, { writable: false });
  } catch {
    // An error ends the stream as well; who reads it is told by the stream itself.
    return;
  }
}

/** Also of other copies of the package "readable-stream"; not what can only be written to, as the response itself. */
function isStream(value: object): value is Readable {
  if (value instanceof Readable) return true;
  return 'pipe' in value && 'read' in value && typeof value.read === 'function' && 'destroy' in value;
}

/** As `fetch` answers, from whichever package. */
function isUnreadResponse(value: object): boolean {
  return 'bodyUsed' in value && value.bodyUsed === false && 'body' in value && value.body !== null;
}
