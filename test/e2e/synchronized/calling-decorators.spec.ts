import { Controller, Get, Query } from '@nestjs/common';
import { setTimeout as after } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { Synchronized } from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { Overlap } from './fixtures/overlap.js';
import { ownSpace, PLATFORMS, type Platform, startApp, startPeer } from './fixtures/test-app.js';

type Call = (this: unknown, ...args: unknown[]) => Promise<unknown>;

let ran: string[] = [];
let failures: unknown[] = [];

beforeEach(() => {
  ran = [];
  failures = [];
});

/** A decorator that calls the method in its own way, without its metadata or with it. */
function calling(way: (call: (...args: unknown[]) => Promise<unknown>, args: unknown[]) => unknown) {
  return (copies = false): MethodDecorator =>
    (_target, _key, descriptor) => {
      const method = descriptor.value as Call;
      const caller: Call = async function (...args) {
        return way((...given) => method.apply(this, given), args);
      };
      if (copies)
        for (const key of Reflect.getMetadataKeys(method))
          Reflect.defineMetadata(key, Reflect.getMetadata(key, method), caller);
      descriptor.value = caller as never;
    };
}

const failed = (error: unknown): void => void failures.push(error);

/** Answers at once, and does the work afterwards. */
const Background = calling((call) => {
  void after(100).then(() => call().catch(failed));
  return 'accepted';
});

/** Begins the work, and answers at once. */
const Begun = calling((call) => {
  void call().catch(failed);
  return 'accepted';
});

const ForEach = calling((call, [ids]) =>
  Promise.all(
    String(ids)
      .split(',')
      .map((id) => call(id)),
  ),
);

const InTurn = calling(async (call, [ids]) => {
  const done: unknown[] = [];
  for (const id of String(ids).split(',')) done.push(await call(id));
  return done;
});

@Controller()
class Routes {
  readonly overlap = new Overlap();

  @Get('background')
  @Background()
  @Synchronized('imports')
  async background(): Promise<void> {
    ran.push('background');
  }

  @Get('background-known')
  @Background(true)
  @Synchronized('imports')
  async known(): Promise<void> {
    ran.push('background-known');
  }

  @Get('begun')
  @Begun()
  @Synchronized('imports')
  async begun(): Promise<void> {
    ran.push('begun');
  }

  @Get('each')
  @ForEach()
  @Synchronized('exports')
  async each(@Query('ids') id: string): Promise<string> {
    await this.overlap.body();
    return id;
  }

  @Get('each-of-its-own')
  @ForEach()
  @Synchronized('share-<id>')
  async eachOfItsOwn(@Query('ids') id: string): Promise<string> {
    await after(20);
    ran.push(id);
    return id;
  }

  @Get('in-turn')
  @InTurn()
  @Synchronized('share-<id>')
  async inTurn(@Query('ids') id: string): Promise<string> {
    await after(20);
    ran.push(id);
    return id;
  }
}

async function start(platform: Platform) {
  const backendUrl = ownSpace();
  const started = await startApp({ platform, controllers: [Routes], coordination: { backendUrl } });
  const peer = await startPeer({ backendUrl });
  const ask = async (path: string) => {
    const reply = await fetch(`${started.url}/${path}`);
    return [reply.status, await reply.text()];
  };
  return { ...started, peer, ask, routes: started.app.get(Routes) };
}

describe.each(PLATFORMS)('a handler on %s under a decorator that calls it', (platform) => {
  it.each(['background', 'background-known'])('runs when the call has been answered: %s', async (path) => {
    const { ask, peer } = await start(platform);
    expect(await ask(path)).toEqual([200, 'accepted']);
    await eventually(() => ran.length + failures.length > 0);
    expect([ran, failures]).toEqual([[path], []]);
    expect(await peer.getLock('imports').acquire(5000)).toBe(true);
  });

  it('keeps its place when the call is answered before the lock is to be had', async () => {
    const { ask, peer } = await start(platform);
    const lock = peer.getLock('imports');
    await lock.acquire();
    expect(await ask('begun')).toEqual([200, 'accepted']);
    await after(100);
    expect([ran, failures]).toEqual([[], []]);
    await lock.release();
    await eventually(() => ran.length + failures.length > 0);
    expect([ran, failures]).toEqual([['begun'], []]);
    expect(await lock.acquire(5000)).toBe(true);
  });

  it('runs several times, one after the other', async () => {
    const { ask, peer, routes } = await start(platform);
    expect(await ask('each?ids=1,2,3')).toEqual([200, '["1","2","3"]']);
    expect([routes.overlap.total, routes.overlap.most]).toEqual([3, 1]);
    expect(await peer.getLock('exports').acquire(5000)).toBe(true);
  });

  it.each(['each-of-its-own', 'in-turn'])(
    'holds no lock of one item while it waits for that of another one: %s',
    async (path) => {
      const { ask, peer } = await start(platform);
      const orders = ['1,2,3', '3,2,1', '2,3,1', '1,3,2'];
      const answers = await Promise.all(orders.map((ids) => ask(`${path}?ids=${ids}`)));
      expect(answers).toEqual(orders.map((ids) => [200, JSON.stringify(ids.split(','))]));
      expect(ran).toHaveLength(12);
      for (const id of ['1', '2', '3']) expect(await peer.getLock(`share-${id}`).acquire(5000)).toBe(true);
    },
  );
});
