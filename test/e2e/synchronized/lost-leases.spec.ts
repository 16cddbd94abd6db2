import { Controller, Get, Injectable, NotFoundException, Param, Query } from '@nestjs/common';
import { lastValueFrom, Observable, toArray } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { currentLease, LeaseLostError, Synchronized } from 'nestjs-coordination';
import { RedisServer } from '../../support/redis-server.js';
import { Gate } from './fixtures/gate.js';
import { afterTest, ownSpace, PLATFORMS, type Platform, startApp, startPeer } from './fixtures/test-app.js';

let gate: Gate;
const aborted: boolean[] = [];
beforeEach(() => {
  gate = new Gate();
  aborted.length = 0;
});

async function body(): Promise<string> {
  await gate.pass();
  aborted.push(currentLease()?.signal.aborted === true);
  return 'result';
}

@Injectable()
@Controller()
class Work {
  @Get('strict/:id')
  @Synchronized('share-<id>')
  async strict(@Param('id') id = '7', @Query('fail') fail = ''): Promise<string> {
    const result = await body();
    if (fail) throw new NotFoundException(`no share ${id}`);
    return result;
  }

  @Get('constant/:id')
  @Synchronized('share-7')
  async constant(): Promise<string> {
    return body();
  }

  @Get('lenient/:id')
  @Synchronized('share-<id>', { onLost: 'warn' })
  async lenient(@Param('id') id = '7'): Promise<string> {
    return id && body();
  }

  @Get('observed/:id')
  @Synchronized('share-<id>')
  observed(@Param('id') id = '7'): Observable<string> {
    return new Observable((subscriber) => {
      subscriber.next(id);
      void gate.pass().then(() => subscriber.complete());
    });
  }

  @Synchronized('share-<id>', { onLost: 'warn' })
  observedLeniently(id = '7'): Observable<string> {
    return new Observable((subscriber) => {
      void gate.pass().then(() => {
        subscriber.next(id);
        subscriber.complete();
      });
    });
  }

  @Synchronized('share-<id>')
  async *pages(id = '7'): AsyncGenerator<string> {
    yield id;
    await gate.pass();
  }

  @Synchronized('share-<id>', { onLost: 'warn' })
  async *pagesLeniently(id = '7'): AsyncGenerator<string> {
    yield id;
    await gate.pass();
    yield 'last';
  }
}

async function start(platform: Platform = 'express') {
  const backendUrl = ownSpace();
  const started = await startApp({ platform, controllers: [Work], coordination: { backendUrl } });
  const peer = await startPeer({ backendUrl });
  return { ...started, work: started.app.get(Work), lock: peer.getLock('share-7') };
}

async function drain(pages: AsyncIterable<string>): Promise<string[]> {
  const seen: string[] = [];
  for await (const page of pages) seen.push(page);
  return seen;
}

describe.each(PLATFORMS)('on %s, a lease that is lost while the body runs', (platform) => {
  async function breakDuring(path: string) {
    const { url, lock, log } = await start(platform);
    const call = fetch(`${url}/${path}`);
    await gate.reached;
    expect(await lock.break()).toBe(true);
    gate.open();
    const reply = await call;
    return { status: reply.status, body: await reply.text(), log };
  }

  it.each(['strict/7', 'constant/7', 'observed/7'])(
    'is answered with 409 when the body has ended, and logged by name: %s',
    async (path) => {
      const { status, body: text, log } = await breakDuring(path);
      expect([status, JSON.parse(text)]).toEqual([
        409,
        { statusCode: 409, message: 'Conflict', code: 'LEASE_LOST' },
      ]);
      expect(log.of('warn').filter((line) => line.includes('"share-7"'))).toHaveLength(1);
    },
  );

  it('keeps the result when the method only wants a warning', async () => {
    const { status, body: text, log } = await breakDuring('lenient/7');
    expect([status, text]).toEqual([200, 'result']);
    expect(log.of('warn').filter((line) => line.includes('"share-7"'))).toHaveLength(1);
  });

  it('never hides the error of the body', async () => {
    const { status, body: text } = await breakDuring('strict/7?fail=1');
    expect(status).toBe(404);
    expect(text).toContain('no share 7');
  });
});

describe('a provider that loses its lease', () => {
  async function startAndBreak<T>(run: (work: Work) => Promise<T>): Promise<T> {
    const { work, lock } = await start();
    const call = run(work);
    await gate.reached;
    await lock.break();
    gate.open();
    return call;
  }

  it('rejects when its promise has settled, and its own code sees the end of the lease', async () => {
    await expect(startAndBreak((work) => work.strict())).rejects.toThrow(LeaseLostError);
    expect(aborted).toEqual([true]);
  });

  it('errors its Observable', async () => {
    await expect(startAndBreak((work) => lastValueFrom(work.observed()))).rejects.toThrow(LeaseLostError);
  });

  it('throws out of its generator', async () => {
    await expect(startAndBreak((work) => drain(work.pages()))).rejects.toThrow(LeaseLostError);
  });

  it('keeps what it has where only a warning is wanted', async () => {
    expect(await startAndBreak((work) => work.lenient())).toBe('result');
    gate = new Gate();
    expect(await startAndBreak((work) => lastValueFrom(work.observedLeniently().pipe(toArray())))).toEqual([
      '7',
    ]);
    gate = new Gate();
    expect(await startAndBreak((work) => drain(work.pagesLeniently()))).toEqual(['7', 'last']);
  });
});

describe('a lease whose loss is found only at its release', () => {
  async function startOnRedis() {
    const server = await RedisServer.start();
    afterTest(() => server.stop());
    const started = await startApp({ controllers: [Work], coordination: { backendUrl: server.url } });
    const deleteKey = () => server.client().del('coordination:lock:share-7');
    return { ...started, work: started.app.get(Work), deleteKey };
  }

  it.each<[string, (work: Work, url: string) => Promise<unknown>]>([
    ['a promise', (work) => work.strict()],
    ['an Observable', (work) => lastValueFrom(work.observed())],
    ['a generator', (work) => drain(work.pages())],
  ])('rejects all the same: %s', async (_kind, run) => {
    const { work, url, deleteKey } = await startOnRedis();
    const call = run(work, url);
    await gate.reached;
    expect(await deleteKey()).toBe(1);
    gate.open();
    await expect(call).rejects.toThrow(LeaseLostError);
  });

  it('is answered with 409', async () => {
    const { url, deleteKey } = await startOnRedis();
    const call = fetch(`${url}/strict/7`);
    await gate.reached;
    expect(await deleteKey()).toBe(1);
    gate.open();
    expect((await call).status).toBe(409);
  });
});
