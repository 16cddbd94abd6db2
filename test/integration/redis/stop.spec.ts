import { announce, tryAcquire, withdraw } from '../../support/driver-calls.js';
import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, request, SuiteWaiter } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

async function connections(admin: Redis): Promise<number> {
  return String(await admin.client('LIST'))
    .trim()
    .split('\n').length;
}

function listenersOf(client: Redis): number {
  return client.eventNames().reduce((sum, event) => sum + client.listenerCount(event), 0);
}

/** Somebody holds a lock, and somebody waits for it. */
async function waitingOn(driver: RedisDriver): Promise<void> {
  const { name } = granted(await tryAcquire(driver, request(freshName())));
  await new SuiteWaiter(driver, name).enqueue();
}

describe('after stop,', () => {
  afterEach(stopAllRedis);

  it('no connection of ours is left', async () => {
    const server = await startRedis();
    const admin = server.client();
    const driver = driverOn(server.url);
    await driver.start();
    await waitingOn(driver);
    expect(await connections(admin)).toBe(3);
    await driver.stop();
    await eventually(async () => (await connections(admin)) === 1);
    await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow(/stopped/);
  });

  it('a ready client works on, with the listeners that it had', async () => {
    const server = await startRedis();
    const client = server.client();
    await client.ping();
    const before = listenersOf(client);
    const driver = new RedisDriver([client], { ttl: 10_000 }, recordingContext());
    await driver.start();
    await waitingOn(driver);
    await driver.stop();
    expect(listenersOf(client)).toBe(before);
    expect(client.status).toBe('ready');
    expect(await client.ping()).toBe('PONG');
    await eventually(async () => (await connections(client)) === 1);
  });

  it('nothing is left of a ready client that its application has quit before, and the stop takes no longer', async () => {
    const server = await startRedis();
    const client = server.client();
    const context = recordingContext();
    const driver = new RedisDriver([client], { ttl: 60_000, commandTimeout: 60_000 }, context);
    await driver.start();
    const held = granted(await tryAcquire(driver, request(freshName())));
    await client.quit();
    await expect(driver.locks.release(held)).rejects.toThrow(/cannot release the lock/);
    await expect(withdraw(driver, 'member')).rejects.toThrow(/cannot remove/);
    await driver.stop();
    expect(context.changes.map(({ state }) => state)).toEqual(['up', 'down']);
    expect(client.status).toBe('end');
    const admin = server.client();
    await eventually(async () => (await connections(admin)) === 1);
  });

  it('no key without a ttl is left', async () => {
    const server = await startRedis();
    const driver = driverOn(server.url);
    await driver.start();
    await waitingOn(driver);
    await announce(driver, 'member', 5000);
    await driver.stop();
    const client = server.client();
    const keys = (await client.keys('*')).toSorted();
    expect(keys).toEqual([
      expect.stringContaining('coordination:lock:'),
      'coordination:node',
      expect.stringContaining('coordination:queue:'),
      'coordination:record:{members}:member',
      'coordination:records:{members}',
      expect.stringContaining('coordination:waiters:'),
    ]);
    for (const key of keys) expect(await client.pttl(key)).toBeGreaterThan(0);
  });
});
