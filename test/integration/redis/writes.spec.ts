import { tryAcquire } from '../../support/driver-calls.js';
import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

const MANY = 50;

/** Counts what goes to the socket, each of which is a system call. */
function countWrites({ stream }: Redis): { writes: number } {
  const count = { writes: 0 };
  for (const method of ['_write', '_writev'] as const) {
    const original = Reflect.get(stream, method) as (...args: unknown[]) => unknown;
    Reflect.set(stream, method, (...args: unknown[]) => {
      count.writes += 1;
      return Reflect.apply(original, stream, args);
    });
  }
  return count;
}

describe('commands that are sent in one turn of the event loop', () => {
  afterEach(stopAllRedis);

  it('go out together, apart from the first few', async () => {
    const server = await startRedis();
    const client = server.client();
    const driver = new RedisDriver([client], { ttl: 10_000 }, recordingContext());
    await driver.start();
    const count = countWrites(client);
    const asked = Array.from({ length: MANY }, () => tryAcquire(driver, request(freshName())));
    const grants = (await Promise.all(asked)).map(granted);
    expect(count.writes).toBeLessThanOrEqual(5);
    const released = await Promise.all(grants.map((grant) => driver.locks.release(grant)));
    expect(released).toEqual(grants.map(() => true));
    expect(count.writes).toBeLessThanOrEqual(10);
    await driver.stop();
  });

  it('go out at once when they are few', async () => {
    const server = await startRedis();
    const client = server.client();
    const driver = new RedisDriver([client], { ttl: 10_000 }, recordingContext());
    await driver.start();
    const count = countWrites(client);
    const asked = Array.from({ length: 3 }, () => tryAcquire(driver, request(freshName())));
    // Written before the end of this turn.
    await Promise.resolve();
    expect(count.writes).toBe(3);
    for (const reply of await Promise.all(asked))
      expect(await driver.locks.release(granted(reply))).toBe(true);
    await driver.stop();
  });

  it('go out one by one when each waits for the one before', async () => {
    const server = await startRedis();
    const client = server.client();
    const driver = new RedisDriver([client], { ttl: 10_000 }, recordingContext());
    await driver.start();
    const count = countWrites(client);
    const grant = granted(await tryAcquire(driver, request(freshName())));
    await expect(driver.locks.release(grant)).resolves.toBe(true);
    expect(count.writes).toBe(2);
    expect(client.stream.writableCorked).toBe(0);
    await driver.stop();
  });
});
