import { tryAcquire } from '../../support/driver-calls.js';
import { afterEach, describe, expect, it } from 'vitest';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, renewed, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';
import { redisVersion } from '../../support/redis-version.js';

/** A server moves to another port from Redis 7 on. */
const MOVES = redisVersion() >= 7;

describe('when nodes restart,', () => {
  afterEach(stopAllRedis);

  it.runIf(MOVES)('the driver goes on without being told', async () => {
    const server = await startRedis();
    const context = recordingContext();
    const driver = driverOn(server.url, context);
    await driver.start();
    const grant = granted(await tryAcquire(driver, request(freshName())));
    await server.kill();
    await expect(renewed(driver, grant, 1000)).rejects.toThrow(/renew the lease/);
    await eventually(() => context.changes.length === 2);
    await server.restartSettled();
    await eventually(() => context.changes.length === 3);
    expect(context.changes.map(({ state }) => state)).toEqual(['up', 'down', 'up']);
    // It has worked over this URL, so TLS is not what is wrong.
    expect(context.changes[1]?.cause?.message).not.toMatch(/TLS/);
    expect(await renewed(driver, grant, 1000)).toBe(false);
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    await driver.stop();
  });

  it.runIf(MOVES)('a ready client is used again when it has reconnected', async () => {
    const server = await startRedis();
    const client = server.client({ retryStrategy: () => 20 });
    const context = recordingContext();
    const driver = new RedisDriver([client], { ttl: 10_000 }, context);
    await driver.start();
    await server.restartSettled();
    await eventually(() => context.changes.length === 3);
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    await driver.stop();
  });

  it('a lease that cannot be freed any more does not keep the node away', async () => {
    const server = await startRedis();
    const context = recordingContext();
    const driver = driverOn(server.url, context);
    await driver.start();
    const grant = granted(await tryAcquire(driver, request(freshName())));
    server.pause();
    await expect(driver.locks.release(grant)).rejects.toThrow(/no answer within/);
    server.resume();
    const client = server.client();
    const key = `coordination:lock:${grant.name}`;
    await client.multi().del(key).lpush(key, 'another type').exec();
    await eventually(() => context.changes.length === 3);
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    await driver.stop();
  });

  it('a node that answers again and still cannot be used says why', async () => {
    const server = await startRedis();
    const context = recordingContext();
    const driver = driverOn(server.url, context);
    await driver.start();
    const client = server.client();
    await client.config('SET', 'maxmemory', '64mb');
    await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(() => context.warnings.length > 0);
    expect(context.warnings).toEqual([
      expect.stringMatching(/answers, and still cannot be used: may evict held locks/),
    ]);
    await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow(/may evict held locks/);
    await client.config('SET', 'maxmemory-policy', 'noeviction');
    await eventually(() => context.changes.length === 3);
    await driver.stop();
  });

  it('a ready client that gives numbers as text is understood', async () => {
    const server = await startRedis();
    const driver = new RedisDriver(
      [server.client({ stringNumbers: true })],
      { ttl: 10_000 },
      recordingContext(),
    );
    await driver.start();
    const grant = granted(await tryAcquire(driver, { ...request(freshName()), fencing: true }));
    expect(Number.isInteger(grant.tokens?.first)).toBe(true);
    expect((await tryAcquire(driver, request(grant.name))).granted).toBe(false);
    expect(await renewed(driver, grant, 1000)).toBe(true);
    await driver.locks.release(grant);
    await driver.stop();
  });

  it('a ready client whose server hangs gets one probe at a time, and comes back', async () => {
    const server = await startRedis();
    const client = server.client();
    const context = recordingContext();
    const driver = new RedisDriver([client], { ttl: 10_000, commandTimeout: 1000 }, context);
    await driver.start();
    server.pause();
    await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow(/no answer within 1000 ms/);
    for (let round = 0; round < 100; round += 1) {
      await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow(/take the lock/);
    }
    server.resume();
    await eventually(() => context.changes.length === 3);
    expect(context.changes.map(({ state }) => state)).toEqual(['up', 'down', 'up']);
    expect(context.warnings).toEqual([]);
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    await driver.stop();
  });

  it('an acquisition whose answer was lost does not stay behind', async () => {
    const server = await startRedis();
    const context = recordingContext();
    const driver = driverOn(server.url, context, { commandTimeout: 1000 });
    await driver.start();
    const name = freshName();
    server.pause();
    await expect(tryAcquire(driver, request(name, 60_000))).rejects.toThrow(/take the lock/);
    server.resume();
    await eventually(() => context.changes.length === 3);
    await driver.locks.release(granted(await tryAcquire(driver, request(name))));
    await driver.stop();
  });
});
