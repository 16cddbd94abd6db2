import { enqueue, tryAcquire } from '../../support/driver-calls.js';
import type { Redis } from 'ioredis';
import { setTimeout as after } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Taken } from '../../../lib/drivers/driver.js';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { queueOf } from '../../../lib/drivers/redis/scripts/keys.js';
import { NODE_RECORD } from '../../../lib/drivers/redis/node/node-epoch.js';
import { ClockShims } from '../../support/clock-shim.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { type RedisServer, startRedis, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

type Refused = Taken;

const TTL = 60_000;
const keyOf = (name: string): string => `coordination:lock:${name}`;
const drivers: RedisDriver[] = [];
const shims = await ClockShims.compile();

afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
});
afterAll(stopAllRedis);

async function started(...args: Parameters<typeof driverOn>): Promise<RedisDriver> {
  const driver = driverOn(...args);
  drivers.push(driver);
  await driver.start();
  return driver;
}

/** Three nodes where somebody else has the lock, one of them behind a proxy. */
async function taken(commandTimeout: number, behindProxy = 2) {
  const servers = (await startRedisNodes(3)) as [RedisServer, RedisServer, RedisServer];
  const proxy = await TcpProxy.start(servers[behindProxy]!.port);
  const name = freshName();
  for (const server of servers) await server.client().set(keyOf(name), 'foreign', 'PX', TTL);
  const urls = servers.map(({ url }, index) =>
    index === behindProxy ? `redis://127.0.0.1:${proxy.port}` : url,
  );
  const driver = await started(urls, recordingContext(), { ttl: TTL, commandTimeout });
  const [first, ...others] = servers;
  let woken = false;
  const place = enqueue(driver, request(name, TTL), () => (woken = true));
  return { first, others, proxy, name, driver, place, client: first.client(), isWoken: () => woken };
}

/** How many scripts the node has run. */
async function commandsOf(client: Redis): Promise<number> {
  const stats = await client.info('commandstats');
  const calls = stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g);
  return Array.from(calls, ([, count]) => Number(count)).reduce((sum, count) => sum + count, 0);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
}

async function freed(servers: readonly RedisServer[], name: string): Promise<void> {
  for (const server of servers) await server.client().del(keyOf(name));
}

describe('whose turn it is on several nodes', () => {
  it('leaves no entry in the queue when the other nodes cannot be asked', async () => {
    const { others, proxy, name, place, client } = await taken(1000);
    for (const server of others) server.pause();
    await expect(place.tryAcquire()).rejects.toThrow(/2 of 3 nodes/);
    await place.leave();
    await eventually(async () => (await client.zcard(queueOf(keyOf(name)))) === 0);
    await proxy.stop();
  });

  it('is waited for elsewhere when the node dies that has just put us into its queue', async () => {
    const { first, others, proxy, name, place, client } = await taken(5000);
    proxy.set('down', { latency: 1500 });
    const attempt = place.tryAcquire();
    await eventually(async () => (await client.zcard(queueOf(keyOf(name)))) === 1);
    await first.kill();
    expect((await attempt).granted).toBe(false);
    proxy.set('down', {});
    await freed(others, name);
    await eventually(async () => (await place.tryAcquire()).granted);
    await proxy.stop();
  });

  it('frees the node that granted it when the others cannot be asked', async () => {
    const { first, others, proxy, name, place, client, isWoken } = await taken(1000);
    expect((await place.tryAcquire()).granted).toBe(false);
    await place.ready();
    for (const server of others) server.pause();
    await freed([first], name);
    await eventually(isWoken);
    await expect(place.tryAcquire()).rejects.toThrow(/2 of 3 nodes/);
    await place.leave();
    await eventually(async () => (await client.exists(keyOf(name))) === 0);
    await proxy.stop();
  });

  it('keeps its turn while its vote takes longer than a refreshment', async () => {
    const { first, others, proxy, name, driver, place, isWoken } = await taken(5000);
    expect((await place.tryAcquire()).granted).toBe(false);
    await place.ready();
    proxy.set('down', { latency: 600 });
    await freed([first], name);
    await eventually(isWoken);
    expect((await place.tryAcquire()).granted).toBe(false);
    proxy.heal();
    await freed(others, name);
    const next = await eventually(async () => {
      const reply = await place.tryAcquire();
      return reply.granted && reply.grant;
    });
    expect(await driver.locks.release(next)).toBe(true);
    await proxy.stop();
  });

  it('comes also where the node that keeps the order answers last', async () => {
    const { first, others, proxy, name, place, client, isWoken } = await taken(5000, 0);
    proxy.set('down', { latency: 100 });
    expect((await place.tryAcquire()).granted).toBe(false);
    expect(await client.zcard(queueOf(keyOf(name)))).toBe(1);
    await freed([first, ...others], name);
    await eventually(isWoken);
    // A short grant, which a busy machine may outlast.
    await eventually(async () => (await place.tryAcquire()).granted);
    await proxy.stop();
  });

  it('is the next one’s when the lease came from the other nodes alone', async () => {
    const { first, others, proxy, name, driver, place, client, isWoken } = await taken(5000, 0);
    expect((await place.tryAcquire()).granted).toBe(false);
    await place.ready();
    await freed([first, ...others], name);
    await eventually(isWoken);
    // Its answer comes last, and it has to be asked again.
    proxy.set('down', { latency: 100 });
    // Only who gives it back frees it.
    await client.persist(keyOf(name));
    const record = await client.get(NODE_RECORD);
    await client.set(NODE_RECORD, `${record}1`);
    const grant = granted(await place.tryAcquire());
    expect(await driver.locks.release(grant)).toBe(true);
    await eventually(async () => (await client.exists(keyOf(name))) === 0);
    await proxy.stop();
  });

  it('is of who comes first to the node that keeps the order, also when the others are not free yet', async () => {
    const { first, others, proxy, name, driver, place, client } = await taken(1000);
    await freed([first], name);
    const { granted: isGranted, retryAfter } = (await place.tryAcquire()) as Refused;
    expect(isGranted).toBe(false);
    // Nobody tells it when they are.
    expect(retryAfter).toBeLessThanOrEqual(100);
    const next = enqueue(driver, request(name, TTL), () => undefined);
    expect((await next.tryAcquire()).granted).toBe(false);
    expect(await client.zcard(queueOf(keyOf(name)))).toBe(1);
    await freed(others, name);
    granted(await place.tryAcquire());
    await next.leave();
    await proxy.stop();
  });
});

describe('a node that keeps the order and is too young for a lock', () => {
  it('gives the turn in vain, a few times a second', async () => {
    const young = await startRedis({ fresh: true });
    const old = await startRedisNodes(2);
    const urls = [young, ...old].map(({ url }) => url);
    const driver = await started(urls, recordingContext(), { ttl: 1000, commandTimeout: 5000 });
    // It is old enough for a lock of a second.
    await eventually(async () => {
      const short = freshName();
      await tryAcquire(driver, request(short, 1000));
      return (await young.client().exists(keyOf(short))) === 1;
    });
    const name = freshName();
    for (const server of old) await server.client().set(keyOf(name), 'foreign', 'PX', TTL);
    const over = new AbortController();
    const waiting = [0, 1, 2].map(async () => {
      let wake = (): void => undefined;
      const woken = (): Promise<void> => new Promise((resolve) => (wake = resolve));
      const place = enqueue(driver, request(name, TTL), () => wake());
      while (!over.signal.aborted) {
        const rung = woken();
        const reply = await place.tryAcquire();
        await place.ready();
        expect(reply).toMatchObject({ granted: false });
        const { retryAfter = 1000 } = reply as Taken;
        await Promise.race([after(retryAfter), rung, aborted(over.signal)]);
      }
      await place.leave();
    });
    const client = young.client();
    await after(300);
    const before = await commandsOf(client);
    await after(1000);
    const asked = (await commandsOf(client)) - before;
    over.abort();
    await Promise.all(waiting);
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThan(300);
  });
});

describe('the lease of whose turn it is on one node', () => {
  it('begins before it was granted, however late that is noticed', async () => {
    const [server] = (await startRedisNodes(1)) as [RedisServer];
    const driver = await started(server.url, recordingContext(), { ttl: TTL });
    const beginnings = await eventually(async () => {
      const name = freshName();
      await server.client().set(keyOf(name), 'foreign', 'PX', TTL);
      let woken = false;
      const place = enqueue(driver, request(name, TTL), () => (woken = true));
      expect((await place.tryAcquire()).granted).toBe(false);
      await place.ready();
      await server.client().del(keyOf(name));
      const freed = performance.now();
      await eventually(() => woken);
      await new Promise((resolve) => setTimeout(resolve, 20));
      const reply = await place.tryAcquire();
      if (!reply.granted) throw new Error('it was not granted');
      await driver.locks.release(reply.grant);
      // On a busy machine too much of the short grant is used up, and it is asked for anew.
      return reply.grant.term && { freed, since: reply.grant.term.since.monotonic };
    });
    expect(beginnings.since).toBeLessThan(beginnings.freed);
  });
});

describe.runIf(shims !== undefined)('whose turn it is on a node whose clock jumps', () => {
  it('is nobody’s: the lease of somebody else may have ended there early', async () => {
    const nodeClock = await shims!.create();
    const server = await startRedis({ env: nodeClock.env });
    const settings = { ttl: 10_000, commandTimeout: 5000 };
    const holder = await started(server.url, recordingContext(), settings);
    const context = recordingContext();
    const driver = await started(server.url, context, settings);
    const name = freshName();
    granted(await tryAcquire(holder, request(name)));
    const place = enqueue(driver, request(name), () => undefined);
    expect((await place.tryAcquire()).granted).toBe(false);
    await place.ready();
    nodeClock.set(30_000);
    await eventually(() => context.warnings.some((warning) => warning.includes('its clock jumped ahead')));
    await expect(place.tryAcquire()).rejects.toThrow(/its clock has jumped ahead/);
    await place.leave();
  });
});
