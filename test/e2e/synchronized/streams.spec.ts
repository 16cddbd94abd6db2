import { Controller, Get, type MessageEvent, Sse, StreamableFile } from '@nestjs/common';
import { Readable } from 'node:stream';
import { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { Synchronized } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { Gate } from './fixtures/gate.js';
import { PLATFORMS, ownSpace, type Platform, startApp, startPeer } from './fixtures/test-app.js';

@Controller()
class Downloads {
  rest = new Gate();
  closed = 0;

  /** The first part at once, the second when the test says so. */
  async *parts(): AsyncGenerator<string> {
    try {
      yield 'first,';
      await this.rest.pass();
      yield 'second';
    } finally {
      this.closed += 1;
    }
  }

  @Get('file')
  @Synchronized('download')
  async file(): Promise<StreamableFile> {
    return new StreamableFile(Readable.from(this.parts(), { objectMode: false }));
  }

  @Get('readable')
  @Synchronized('download')
  async readable(): Promise<Readable> {
    return Readable.from(this.parts(), { objectMode: false });
  }

  @Get('iterable')
  @Synchronized('download')
  async iterable(): Promise<AsyncIterable<string>> {
    return this.parts();
  }

  @Get('generator')
  @Synchronized('download')
  async *generator(): AsyncGenerator<string> {
    yield* this.parts();
  }

  @Sse('events')
  @Synchronized('download')
  events(): Observable<MessageEvent> {
    return new Observable((subscriber) => {
      subscriber.next({ data: 'first,' });
      void this.rest.pass().then(() => {
        subscriber.next({ data: 'second' });
        subscriber.complete();
      });
      return () => void (this.closed += 1);
    });
  }
}

async function start(platform: Platform) {
  const backendUrl = ownSpace();
  const started = await startApp({ platform, controllers: [Downloads], coordination: { backendUrl } });
  const peer = await startPeer({ backendUrl });
  return { ...started, downloads: started.app.get(Downloads), lock: peer.getLock('download') };
}

async function readPart(
  reply: Response,
): Promise<{ reader: ReadableStreamDefaultReader<Uint8Array>; text: string }> {
  if (!reply.body) throw new Error('no body');
  const reader: ReadableStreamDefaultReader<Uint8Array> = reply.body.getReader();
  return { reader, text: Buffer.from((await reader.read()).value ?? []).toString() };
}

async function readRest(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += Buffer.from(value).toString();
  }
}

const ROUTES = ['file', 'readable', 'iterable', 'generator', 'events'];

describe.each(PLATFORMS)('a synchronized route on %s that streams its answer', (platform) => {
  it.each(ROUTES)('holds the lock until all of it has been sent: %s', async (route) => {
    const { url, downloads, lock } = await start(platform);
    const { reader, text } = await readPart(await fetch(`${url}/${route}`));
    expect(text).toContain('first,');
    expect(await lock.acquire(50)).toBe(false);
    downloads.rest.open();
    expect(await readRest(reader)).toContain('second');
    expect(await lock.acquire(20_000)).toBe(true);
    expect(downloads.closed).toBe(1);
  });

  it.each(ROUTES)('gives the lock back when the client leaves half-way: %s', async (route) => {
    const { url, downloads, lock } = await start(platform);
    const leave = new AbortController();
    await readPart(await fetch(`${url}/${route}`, { signal: leave.signal }));
    expect(await lock.acquire(false)).toBe(false);
    leave.abort();
    // A generator that waits cannot be ended from outside: it ends when its wait does.
    downloads.rest.open();
    expect(await lock.acquire(20_000)).toBe(true);
    await eventually(() => downloads.closed === 1);
  });

  it.each(ROUTES)('ends the answer as broken when the lease is lost half-way: %s', async (route) => {
    const { url, downloads, lock } = await start(platform);
    const { reader } = await readPart(await fetch(`${url}/${route}`));
    await lock.break();
    downloads.rest.open();
    if (route === 'events') {
      const rest = await readRest(reader);
      expect(rest).toContain('event: error');
      expect(rest).toContain('data: Conflict');
      expect(rest).not.toContain('download');
    } else await expect(readRest(reader)).rejects.toThrow('terminated');
    expect(await lock.acquire(20_000)).toBe(true);
    await eventually(() => downloads.closed === 1);
  });
});
