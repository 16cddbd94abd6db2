import { Controller, Get, Injectable, Param, StreamableFile } from '@nestjs/common';
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { of, type Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { CoordinatorService, currentLease, InvalidOptionsError, Synchronized } from 'nestjs-coordination';
import { startApp } from './fixtures/test-app.js';

/** As a query of Mongoose: it runs when it is awaited, and can be iterated over as well. */
class LazyQuery implements PromiseLike<string> {
  runs = 0;

  // oxlint-disable-next-line unicorn/no-thenable -- a query is one on purpose
  then<A = string, B = never>(
    onFulfilled?: ((value: string) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.runs += 1;
    return Promise.resolve(`under ${currentLease()?.name}, run ${this.runs}`).then(onFulfilled, onRejected);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    yield 'never';
  }
}

@Injectable()
@Controller()
class Things {
  opened?: Readable;

  @Get('query/:id')
  @Synchronized('x')
  query(): Promise<string> {
    return new LazyQuery() as unknown as Promise<string>;
  }

  @Synchronized('x')
  async asyncQuery(): Promise<string> {
    return new LazyQuery();
  }

  @Synchronized('x')
  async observable(): Promise<Observable<string>> {
    return of('a');
  }

  @Synchronized('x')
  async iterable(): Promise<AsyncIterable<string>> {
    return new LazyQuery()[Symbol.asyncIterator]();
  }

  @Synchronized('x')
  async readable(): Promise<Readable> {
    return (this.opened = Readable.from(['a']));
  }

  @Synchronized('x')
  async file(): Promise<StreamableFile> {
    this.opened = Readable.from(['a']);
    return new StreamableFile(this.opened);
  }

  @Synchronized('x')
  async web(): Promise<ReadableStream> {
    return new ReadableStream();
  }

  @Synchronized('x')
  async response(): Promise<Response> {
    return new Response('a');
  }

  @Synchronized('x', { returns: 'promise' })
  async meant(): Promise<Readable> {
    return Readable.from(['a']);
  }

  @Synchronized('x')
  async plain(@Param('kind') kind: string): Promise<unknown> {
    const emitter = Object.assign(new EventEmitter(), { pipe: () => undefined });
    const kinds: Record<string, unknown> = {
      emitter,
      'an answer that was read': Object.assign(new Response('a'), {}),
      'an answer without a body': new Response(null, { status: 204 }),
      null: null,
      map: new Map(),
      list: [1],
      function: () => 1,
    };
    const value = kinds[kind];
    if (kind === 'an answer that was read') await (value as Response).text();
    return value;
  }
}

async function start() {
  const started = await startApp({ controllers: [Things] });
  const free = () => started.coordinator.using('x', { blocking: 5000 }, () => 'free');
  return { ...started, things: started.app.get(Things), free };
}

describe('a provider whose promise is of something that is read later', () => {
  it.each(['observable', 'iterable', 'readable', 'file', 'web', 'response'] as const)(
    'is told that the lock would be gone by then: %s',
    async (method) => {
      const { things, free } = await start();
      const error: unknown = await things[method]().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(InvalidOptionsError);
      expect(String(error)).toMatch(
        new RegExp(`Things\\.${method}: it returned an? .* given back before it is read; .*`),
      );
      expect(things.opened?.destroyed ?? true).toBe(true);
      expect(await free()).toBe('free');
    },
  );

  it('is left alone where an option says that the lock is for the promise alone', async () => {
    const { things, free } = await start();
    const stream = await things.meant();
    expect(await free()).toBe('free');
    expect(await stream.toArray()).toEqual(['a']);
  });

  it.each([
    'emitter',
    'an answer that was read',
    'an answer without a body',
    'null',
    'map',
    'list',
    'function',
  ])('is not mistaken for one: %s', async (kind) => {
    const { things, free } = await start();
    await things.plain(kind);
    expect(await free()).toBe('free');
  });
});

describe('a query that runs when it is awaited', () => {
  it('runs once, under the lock, whoever returns it', async () => {
    const { app, url, things } = await start();
    const once = 'under x, run 1';
    expect(await things.query()).toBe(once);
    expect(await things.asyncQuery()).toBe(once);
    expect(await (await fetch(`${url}/query/7`)).text()).toBe(once);
    expect(await app.get(CoordinatorService).using('x', () => new LazyQuery())).toBe(once);
  });
});
