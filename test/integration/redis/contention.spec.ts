import { breakLock, enqueue, tryAcquire } from '../../support/driver-calls.js';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { queueOf } from '../../../lib/drivers/redis/scripts/keys.js';
import {
  freshName,
  granted,
  recordingContext,
  renewed,
  request,
  SuiteWaiter,
} from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, startRedisNodes, stopAllRedis, type RedisServer } from '../../support/redis-server.js';

const drivers: RedisDriver[] = [];

async function started(urls: readonly string[]): Promise<RedisDriver> {
  const driver = driverOn(urls, recordingContext());
  drivers.push(driver);
  await driver.start();
  return driver;
}

/** Waits as the layer above does: woken, and never longer than the driver says. */
async function take(driver: RedisDriver, name: string, ttl: number): Promise<() => Promise<boolean>> {
  let woken = false;
  let wake = (): void => undefined;
  const place = enqueue(driver, request(name, ttl), () => {
    woken = true;
    wake();
  });
  for (;;) {
    woken = false;
    const reply = await place.tryAcquire();
    if (reply.granted) {
      await place.leave();
      // What is granted at a turn lasts for a moment only.
      if (reply.grant.term) expect(await renewed(driver, reply.grant, ttl)).toBe(true);
      return () => driver.locks.release(reply.grant);
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => wake(), Math.min(reply.retryAfter ?? 1000, 1000));
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (woken) wake();
      else void place.ready()?.then(() => wake());
    });
  }
}

/** Listens to what the servers tell those who wait; gives all that was told before it is called, without the times. */
async function turnsAt(servers: readonly RedisServer[]): Promise<() => Promise<string[]>> {
  const turns: string[] = [];
  let ended = 0;
  for (const [index, server] of servers.entries()) {
    const listener = server.client();
    await listener.psubscribe('coordination:turn:*');
    listener.on('pmessage', (_pattern, channel: string, message: string) => {
      if (message === 'the end') ended += 1;
      else turns.push(`node ${index}, ${channel}: ${message.split(' ')[0]}`);
    });
  }
  return async () => {
    for (const server of servers) await server.client().publish('coordination:turn:', 'the end');
    await eventually(() => ended === servers.length);
    return turns;
  };
}

describe('contenders on several nodes', () => {
  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
  });

  afterAll(stopAllRedis);

  it('give partial votes back at once: no stall, no two holders', async () => {
    const urls = (await startRedisNodes(3)).map(({ url }) => url);
    const contenders = await Promise.all([1, 2, 3, 4].map(() => started(urls)));
    const name = freshName();
    const ttl = 20_000;
    const each = 25;
    let holders = 0;
    let longest = 0;
    await Promise.all(
      contenders.map(async (driver) => {
        for (let round = 0; round < each; round += 1) {
          const start = performance.now();
          const release = await take(driver, name, ttl);
          longest = Math.max(longest, performance.now() - start);
          holders += 1;
          expect(holders).toBe(1);
          await Promise.resolve();
          holders -= 1;
          expect(await release()).toBe(true);
        }
      }),
    );
    expect(longest).toBeLessThan(ttl / 4);
  });

  it('leave nothing behind on any node', async () => {
    const servers = await startRedisNodes(3);
    const contenders = await Promise.all([1, 2, 3].map(() => started(servers.map(({ url }) => url))));
    const name = freshName();
    for (let round = 0; round < 30; round += 1) {
      const replies = await Promise.all(contenders.map((driver) => tryAcquire(driver, request(name))));
      await Promise.all(
        replies.map(async (reply, index) =>
          reply.granted ? contenders[index]?.locks.release(reply.grant) : false,
        ),
      );
    }
    for (const server of servers) {
      const client = server.client();
      await eventually(async () => (await client.keys('*')).every((key) => key === 'coordination:node'));
    }
  });

  it('leave nothing that does not end by itself when they have waited', async () => {
    const servers = await startRedisNodes(3);
    const contenders = await Promise.all([1, 2, 3].map(() => started(servers.map(({ url }) => url))));
    const name = freshName();
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(
        contenders.map(async (driver) => {
          const release = await take(driver, name, 10_000);
          expect(await release()).toBe(true);
        }),
      );
    }
    for (const server of servers) {
      const client = server.client();
      await eventually(async () => (await client.exists(`coordination:lock:${name}`)) === 0);
      for (const key of await client.keys('*')) expect(await client.pttl(key)).toBeGreaterThan(0);
      expect(await client.keys('coordination:queue:*')).toEqual([]);
    }
  });

  it('are told of their turn one after the other, once, by one of the nodes, and nobody by a partial vote', async () => {
    const servers = await startRedisNodes(3);
    const urls = servers.map(({ url }) => url);
    const [holder, ...drivers] = await Promise.all([1, 2, 3].map(() => started(urls)));
    if (!holder) throw new Error('unreachable');
    const turns = await turnsAt(servers);
    const name = freshName();
    // Two of the three nodes are somebody else's.
    const keys = servers.slice(1).map((server) => server.client());
    for (const key of keys) await key.set(`coordination:lock:${name}`, 'foreign', 'PX', 60_000);
    expect((await tryAcquire(holder, request(name))).granted).toBe(false);
    for (const key of keys) await key.del(`coordination:lock:${name}`);
    const grant = granted(await tryAcquire(holder, request(name)));
    const waiters = drivers.map((driver) => new SuiteWaiter(driver, name));
    for (const waiter of waiters) await waiter.enqueue();
    await holder.locks.release(grant);
    for (const waiter of waiters) await waiter.driver.locks.release(await waiter.turn());
    const told = await turns();
    // A process that was too slow for its turn gets another one, under another id.
    expect(told.length).toBeGreaterThanOrEqual(waiters.length);
    expect(new Set(told).size).toBe(told.length);
    for (const each of told) expect(each).toMatch(/^node 0, coordination:turn:(\w+): \1-/);
  });

  it('look again soon after a split vote, and late when somebody holds a quorum', async () => {
    const servers = await startRedisNodes(3);
    const driver = await started(servers.map(({ url }) => url));
    const name = freshName();
    const key = `coordination:lock:${name}`;
    const [one, two] = servers.map((server) => server.client());
    await one?.set(key, 'a', 'PX', 60_000);
    await two?.set(key, 'b', 'PX', 60_000);
    const start = performance.now();
    const split = await tryAcquire(driver, request(name));
    const took = performance.now() - start;
    expect(split).toMatchObject({ granted: false });
    // Some round trips, which a busy machine makes long.
    expect(split.granted ? 0 : split.retryAfter).toBeLessThan(Math.max(200, 4 * took + 1));
    await two?.set(key, 'a', 'PX', 60_000);
    await one?.set(key, 'a', 'PX', 50_000);
    const busy = await tryAcquire(driver, request(name));
    if (busy.granted) throw new Error('granted');
    expect(busy.retryAfter).toBeGreaterThan(300);
    expect(busy.remaining).toBeGreaterThan(0);
    expect(busy.remaining).toBeLessThanOrEqual(60_000);
  });
});

describe('a holder in another language', () => {
  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
  });

  afterAll(stopAllRedis);

  it('is respected, and its release is noticed soon, though it tells nobody', async () => {
    const server = await startRedis();
    const driver = await started([server.url]);
    const foreign = server.client();
    const name = freshName();
    const key = `coordination:lock:${name}`;
    expect(await foreign.set(key, 'token', 'PX', 30_000, 'NX')).toBe('OK');
    const waiting = take(driver, name, 10_000);
    await eventually(async () => (await foreign.zcard(queueOf(key))) === 1);
    const start = performance.now();
    await foreign.del(key);
    const release = await waiting;
    // The token alone would have lasted for 30 s.
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(await foreign.set(key, 'token', 'PX', 30_000, 'NX')).toBeNull();
    expect(await release()).toBe(true);
  });

  it('that sets no ttl is respected too', async () => {
    const server = await startRedis();
    const driver = await started([server.url]);
    const name = freshName();
    await server.client().set(`coordination:lock:${name}`, 'token');
    expect(await tryAcquire(driver, request(name))).toEqual({ granted: false, retryAfter: 1000 });
    expect(await breakLock(driver, name)).toBe(true);
  });
});
