import { announce, enqueue, tryAcquire } from '../../support/driver-calls.js';
import { afterEach, describe, expect, it } from 'vitest';
import type { RedisDriver, RedisDriverSettings } from '../../../lib/drivers/redis/index.js';
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
import { type RedisServer, startRedis, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

const drivers: RedisDriver[] = [];

afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
  await stopAllRedis();
});

async function started(
  servers: readonly RedisServer[],
  settings: Partial<RedisDriverSettings> = {},
  context = recordingContext(),
): Promise<RedisDriver> {
  const driver = driverOn(
    servers.map(({ url }) => url),
    context,
    settings,
  );
  drivers.push(driver);
  await driver.start();
  return driver;
}

/** Less than is in use: Redis refuses every command that needs memory. */
async function fill(...servers: readonly RedisServer[]): Promise<void> {
  for (const server of servers) await server.client().config('SET', 'maxmemory', '100kb');
  await expect(servers[0]?.client().set('more', '1')).rejects.toThrow(/OOM/);
}

async function empty(...servers: readonly RedisServer[]): Promise<void> {
  for (const server of servers) await server.client().config('SET', 'maxmemory', '0');
}

const keyOf = (name: string): string => `coordination:lock:${name}`;

/** For how long the only process that waits is believed to be alive, ms; negative when it has given no sign for too long. */
async function aliveFor(server: RedisServer): Promise<number> {
  const client = server.client();
  const [key = ''] = await client.keys('coordination:waiters:*');
  const [, until] = await client.zrange(key, '0', '0', 'WITHSCORES');
  const [seconds, micros] = await client.time();
  return Number(until) - Number(seconds) * 1000 - Number(micros) / 1000;
}

describe('on a Redis that is full', () => {
  it.each([1, 3])('leases are renewed and released, on %i nodes', async (count) => {
    const servers = await startRedisNodes(count);
    const driver = await started(servers);
    const [held, done] = [freshName(), freshName()];
    const lease = granted(await tryAcquire(driver, request(held)));
    const other = granted(await tryAcquire(driver, request(done)));
    await fill(...servers);
    expect(await renewed(driver, lease, 60_000)).toBe(true);
    for (const server of servers) expect(await server.client().pttl(keyOf(held))).toBeGreaterThan(50_000);
    expect(await driver.locks.release(other)).toBe(true);
    await eventually(async () => (await servers[0]?.client().exists(keyOf(done))) === 0);
    await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow(/OOM|memory/);
  });

  it.each([
    ['on one node', 1, false],
    ['on one node, with a fencing token', 1, true],
    ['on three nodes, of which one is full', 3, false],
  ])('whoever waits is granted what is released: %s', async (_where, count, fencing) => {
    const servers = await startRedisNodes(count);
    const holder = await started(servers);
    const driver = await started(servers);
    const name = freshName();
    const ask = { ...request(name), fencing };
    const grant = granted(await tryAcquire(holder, ask));
    let woken = false;
    const place = enqueue(driver, ask, () => (woken = true));
    expect((await place.tryAcquire()).granted).toBe(false);
    await fill(servers[0]!);
    // For longer than a waiter is believed to be alive without a sign.
    const end = performance.now() + 1500;
    await eventually(async () => performance.now() > end && (await aliveFor(servers[0]!)) > 0);
    await holder.locks.release(grant);
    const next = await eventually(async () => {
      if (!woken) return undefined;
      const reply = await place.tryAcquire();
      return reply.granted ? reply.grant : undefined;
    });
    expect(await renewed(driver, next, 10_000)).toBe(true);
    await place.leave();
    expect(await driver.locks.release(next)).toBe(true);
  });

  it('a waiter whose process has died is passed over, and the lock is free', async () => {
    const server = await startRedis();
    const driver = await started([server]);
    const name = freshName();
    const grant = granted(await tryAcquire(driver, request(name)));
    const dying = await started([server]);
    await new SuiteWaiter(dying, name).enqueue();
    await dying.stop();
    await eventually(async () => (await aliveFor(server)) < 0);
    await fill(server);
    expect(await driver.locks.release(grant)).toBe(true);
    expect(await server.client().exists(keyOf(name))).toBe(0);
  });

  it('a lease outlives a lost connection', async () => {
    const server = await startRedis();
    const context = recordingContext();
    const driver = await started([server], {}, context);
    const grant = granted(await tryAcquire(driver, request(freshName())));
    await fill(server);
    await server.client().call('CLIENT', 'KILL', 'TYPE', 'normal');
    await eventually(() => context.changes.length === 3);
    expect(context.changes.map(({ state }) => state)).toEqual(['up', 'down', 'up']);
    expect(await renewed(driver, grant, 10_000)).toBe(true);
  });

  it('members stay, and the node goes on remembering since when it knows of every lease', async () => {
    const server = await startRedis();
    const driver = await started([server]);
    await announce(driver, 'member', 1000);
    const client = server.client();
    await client.pexpire('coordination:node', 60_000);
    await fill(server);
    await announce(driver, 'member', 60_000);
    expect(await client.pttl('coordination:record:{members}:member')).toBeGreaterThan(50_000);
    await eventually(async () => (await client.pttl('coordination:node')) > 60_000);
  });

  it('new locks are had again as soon as there is room', async () => {
    const server = await startRedis();
    const driver = await started([server]);
    await fill(server);
    await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow(/OOM|memory/);
    await empty(server);
    granted(await tryAcquire(driver, request(freshName())));
  });
});
