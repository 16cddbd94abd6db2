import { breakLock, enqueue, isOwner, tryAcquire } from '../../support/driver-calls.js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock, type Clock } from '../../../lib/common/clock.js';
import { TRUSTED_MS } from '../../../lib/drivers/driver.js';
import { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

/** Long enough that a start on a busy machine is content with no less than all nodes, ms. */
const LONGEST_WAIT = 10_000;

describe('break', () => {
  const drivers: RedisDriver[] = [];

  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
    await stopAllRedis();
  });

  async function started(...args: Parameters<typeof driverOn>): Promise<RedisDriver> {
    const driver = driverOn(...args);
    drivers.push(driver);
    await driver.start();
    return driver;
  }

  it('works after an idle time, in which the clocks have run apart', async () => {
    const server = await startRedis();
    let behind = 0;
    const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() - behind };
    const idle = await started(server.url, { ...recordingContext(), clock }, { commandTimeout: 1000 });
    const holder = await started(server.url);
    const name = freshName();
    const lease = granted(await tryAcquire(holder, request(name, 60_000)));
    behind = 60_000;
    const client = server.client();
    const seconds = async (): Promise<number> => Number((await client.time())[0]);
    const since = await seconds();
    await eventually(async () => (await seconds()) > since + 2);
    expect(await breakLock(idle, name)).toBe(true);
    expect(await isOwner(holder, lease)).toBe(false);
    expect(await breakLock(idle, name)).toBe(false);
  });

  it('frees what only one of the nodes still holds', async () => {
    const servers = await startRedisNodes(3);
    const driver = await started(
      servers.map(({ url }) => url),
      recordingContext(),
      { commandTimeout: LONGEST_WAIT },
    );
    const name = freshName();
    const client = servers[1]?.client();
    await client?.set(`coordination:lock:${name}`, 'somebody who is gone', 'PX', 60_000);
    expect(await breakLock(driver, name)).toBe(true);
    expect(await client?.exists(`coordination:lock:${name}`)).toBe(0);
    expect(await breakLock(driver, name)).toBe(false);
  });

  it('looks again when the lock has changed hands meanwhile', async () => {
    const server = await startRedis();
    const client = server.client();
    const driver = new RedisDriver([client], { ttl: 10_000 }, recordingContext());
    drivers.push(driver);
    await driver.start();
    const name = freshName();
    const key = `coordination:lock:${name}`;
    const admin = server.client();
    await admin.set(key, 'first', 'PX', 60_000);
    const sent = vi.spyOn(client, 'sendCommand').mockImplementationOnce(async () => {
      const holder = await admin.get(key);
      await admin.set(key, 'second', 'PX', 60_000);
      return [holder];
    });
    expect(await breakLock(driver, name)).toBe(true);
    expect(await admin.exists(key)).toBe(0);
    // It looks who holds the lock and where, twice, frees that one, and looks whether it did.
    expect(sent).toHaveBeenCalledTimes(6);
  });

  it('frees a lock whose holder set no ttl', async () => {
    const server = await startRedis();
    const driver = await started(server.url);
    const name = freshName();
    await server.client().set(`coordination:lock:${name}`, 'token');
    expect(await breakLock(driver, name)).toBe(true);
    await driver.locks.release(granted(await tryAcquire(driver, request(name))));
  });

  it('needs a quorum, and says which nodes did not answer', async () => {
    const servers = await startRedisNodes(3);
    const driver = await started(
      servers.map(({ url }) => url),
      recordingContext(),
      { commandTimeout: LONGEST_WAIT },
    );
    const name = freshName();
    const lease = granted(await tryAcquire(driver, request(name)));
    await servers[0]?.kill();
    expect(await breakLock(driver, name)).toBe(true);
    await driver.locks.release(lease);
    await servers[1]?.kill();
    await expect(breakLock(driver, name)).rejects.toThrow(
      new RegExp(
        `Redis cannot tell the holder of "${name}" on 2 of 3 nodes: .*:${servers[0]?.port}.*:${servers[1]?.port}`,
      ),
    );
  });

  it('grants nobody the lock while its holder may still hand it on', async () => {
    const server = await startRedis();
    const [holder, other, breaker] = await Promise.all([1, 2, 3].map(() => started(server.url)));
    if (!holder || !other || !breaker) throw new Error('unreachable');
    const name = freshName();
    const lease = granted(await tryAcquire(holder, request(name, 60_000)));
    const key = `coordination:lock:${name}`;
    const before = performance.now();
    const broken = breakLock(breaker, name);
    await eventually(async () => (await server.client().get(key)) === 'broken');
    expect(await isOwner(holder, lease)).toBe(false);
    const refused = await tryAcquire(other, request(name));
    expect(refused).toMatchObject({ granted: false, retryAfter: expect.any(Number) });
    expect(await breakLock(other, name)).toBe(false);
    expect(await broken).toBe(true);
    expect(performance.now() - before).toBeGreaterThan(TRUSTED_MS / 2);
    granted(await tryAcquire(other, request(name)));
  });

  it('keeps a lock that has less left for no longer than that', async () => {
    const server = await startRedis();
    const [holder, breaker] = [await started(server.url), await started(server.url)];
    const name = freshName();
    const ttl = 0.8 * TRUSTED_MS;
    granted(await tryAcquire(holder, request(name, ttl)));
    const client = server.client();
    const key = `coordination:lock:${name}`;
    const broken = breakLock(breaker, name);
    const left = await eventually(async () => {
      const [who, ms] = await Promise.all([client.get(key), client.pttl(key)]);
      return who === 'broken' && ms;
    });
    expect(left).toBeLessThanOrEqual(ttl);
    expect(await broken).toBe(true);
    granted(await tryAcquire(breaker, request(name)));
  });

  it('works on a node that is full', async () => {
    const server = await startRedis();
    const driver = await started(server.url);
    const name = freshName();
    const lease = granted(await tryAcquire(driver, request(name, 60_000)));
    const admin = server.client();
    await admin.config('SET', 'maxmemory', '1');
    expect(await breakLock(driver, name)).toBe(true);
    expect(await isOwner(driver, lease)).toBe(false);
    await admin.config('SET', 'maxmemory', '0');
  });

  it('gives the lock to the next who waits', async () => {
    const server = await startRedis();
    const [holder, waiter, breaker] = await Promise.all([1, 2, 3].map(() => started(server.url)));
    if (!holder || !waiter || !breaker) throw new Error('unreachable');
    const name = freshName();
    granted(await tryAcquire(holder, request(name, 60_000)));
    const place = enqueue(waiter, request(name), () => undefined);
    expect((await place.tryAcquire()).granted).toBe(false);
    expect(await breakLock(breaker, name)).toBe(true);
    expect((await tryAcquire(breaker, request(name))).granted).toBe(false);
    const grant = await eventually(async () => {
      const reply = await place.tryAcquire();
      return reply.granted && reply.grant;
    });
    await place.leave();
    expect(await waiter.locks.release(grant)).toBe(true);
  });
});
