import { StreamableFile } from '@nestjs/common';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { isObservable } from 'rxjs';
import { InvalidOptionsError } from '../../errors.js';
import type { Client } from './client.js';
import { isAsyncIterable } from '../definition/index.js';

/*
 * This decides when "the call" of a method has ended.
 *
 * A call ends when the result of its method was awaited, unless that result is more than a value:
 *
 *   the awaited result              a handler over HTTP           another handler    anything else
 *   a value                         its end                       its end            its end
 *   an Observable                   to its end                    to its end         refused
 *   a stream, a StreamableFile      until it has ended            refused            refused
 *   another iterable, a Response    until the client has gone     refused            refused
 *   anything, taken by @Res()       until the client has gone     –                  –
 *
 * A result is refused when it would be read after the lock was given back. It is refused too when no reader would read it, so that it
 * would never end. The option `returns: 'promise'` says that the lock is for the promise alone.
 */

/** The part of a method's result that is read later. */
export type LaterPart =
  | { readonly kind: 'observable' | 'iterable' | 'response'; readonly value: object }
  | { readonly kind: 'stream'; readonly value: Readable };

/** The part of an awaited value that is read only now; undefined for a value that is complete as it is. */
export function laterPartOf(value: unknown): LaterPart | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if ('subscribe' in value && isObservable(value)) return { kind: 'observable', value };
  if (value instanceof StreamableFile) return { kind: 'stream', value: value.getStream() };
  if (isStream(value)) return { kind: 'stream', value };
  if (isAsyncIterable(value)) return { kind: 'iterable', value };
  return isUnreadResponse(value) ? { kind: 'response', value } : undefined;
}

/** Resolves when the part was read to its end over HTTP, or its reader has left. Never rejects. */
export function whenRead(part: LaterPart, client: Client | undefined): Promise<void> | undefined {
  if (part.kind === 'stream') return whenStreamEnds(part.value, client);
  return part.kind === 'observable' ? undefined : client?.whenGone();
}

/** The error of a method whose lock would be given back before its result is read. Also ends the result: no reader will read it. */
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

/** The error of a handler on another transport than HTTP: no reader would read the result, and its lock would be held for ever. */
export function readByNobody(part: LaterPart, label: string): InvalidOptionsError {
  if (part.kind === 'iterable') return readTooLate(part, label);
  discard(part);
  return new InvalidOptionsError(
    `${label}: it returned a ${part.kind}, which only HTTP sends, so its lock would never be given back; return what is in it, or an Observable`,
  );
}

/** Ends a result that still gives values. */
export function discard({ kind, value }: LaterPart): void {
  if (kind === 'stream') value.destroy();
  else if (value instanceof ReadableStream && !value.locked) {
    // Its source may fail at that; no reader is there to get the error.
    value.cancel().catch(() => undefined);
  }
}

/** A client that leaves does not end the stream that it was reading. So this ends the stream: no reader is left. */
async function whenStreamEnds(stream: Readable, client: Client | undefined): Promise<void> {
  if (client) void client.whenGone().then(() => stream.destroy());
  try {
    await finished(stream, { writable: false });
  } catch {
    // An error ends the stream as well; the stream itself tells its reader.
    return;
  }
}

/** Streams of other copies of the package "readable-stream" count too; streams that can only be written to do not, as the response. */
function isStream(value: object): value is Readable {
  if (value instanceof Readable) return true;
  return 'pipe' in value && 'read' in value && typeof value.read === 'function' && 'destroy' in value;
}

/** A response of `fetch`, from any package, that was not read yet. */
function isUnreadResponse(value: object): boolean {
  return 'bodyUsed' in value && value.bodyUsed === false && 'body' in value && value.body !== null;
}
