import { enqueue, tryAcquire } from '../../support/driver-calls.js';
import type { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import type { Grant } from '../../../lib/drivers/driver.js';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { freshName, granted, recordingContext, request, SuiteWaiter } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { FakeClock } from '../../support/fake-clock.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

async function connections(admin: Redis): Promise<number> {
  return String(await admin.client('LIST'))
    .trim()
    .split('\n').length;
}

/** Where processes that wait are told of their turn. */
function channels(admin: Redis): Promise<unknown[]> {
  return admin.pubsub('CHANNELS', 'coordination:*');
}

describe('the subscriber connection', () => {
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

  /** Somebody who waits at `driver`, and the grant that it waits for. */
  async function waiting(holder: RedisDriver, driver: RedisDriver): Promise<[SuiteWaiter, Grant]> {
    const grant = granted(await tryAcquire(holder, request(freshName())));
    const waiter = new SuiteWaiter(driver, grant.name);
    await waiter.enqueue();
    return [waiter, grant];
  }

  it('is opened by the first who waits, and shared by all, with one subscription whatever they wait for', async () => {
    const server = await startRedis();
    const admin = server.client();
    const [holder, driver] = [await started(server.url), await started(server.url)];
    const free = enqueue(driver, request(freshName()), () => undefined);
    granted(await free.tryAcquire());
    expect(await connections(admin)).toBe(3);
    const [waiter, grant] = await waiting(holder, driver);
    const others = await Promise.all(Array.from({ length: 20 }, () => waiting(holder, driver)));
    const same = Array.from({ length: 20 }, () => new SuiteWaiter(driver, grant.name));
    await Promise.all(same.map((each) => each.enqueue()));
    expect(await connections(admin)).toBe(4);
    expect(await channels(admin)).toEqual([expect.stringMatching(/^coordination:turn:\w+$/)]);
    await Promise.all([waiter, ...same, ...others.map(([each]) => each)].map((each) => each.leave()));
  });

  it('leaves nothing that lives on after a stop, not even a wait for the subscription', async () => {
    const server = await startRedis();
    const holder = await started(server.url);
    const clock = new FakeClock();
    const driver = await started(server.url, { ...recordingContext(), clock });
    const { name } = granted(await tryAcquire(holder, request(freshName())));
    const place = enqueue(driver, request(name), () => undefined);
    expect((await place.tryAcquire()).granted).toBe(false);
    // The clock stands still: nothing but the stop ends the wait.
    server.pause();
    const ready = place.ready();
    expect(ready).toBeInstanceOf(Promise);
    const stopping = driver.stop();
    await ready;
    // What is left of it is told to the node in bounded time.
    await clock.advance(60_000);
    await stopping;
    await place.leave();
    expect(clock.timers).toBe(0);
    server.resume();
  });

  it('is closed when nobody has waited for ten seconds', async () => {
    const server = await startRedis();
    const admin = server.client();
    const clock = new FakeClock();
    const holder = await started(server.url);
    const driver = await started(server.url, { ...recordingContext(), clock });
    const [waiter] = await waiting(holder, driver);
    await waiter.leave();
    await clock.advance(9_000);
    const [again] = await waiting(holder, driver);
    await again.leave();
    await clock.advance(9_000);
    expect(await channels(admin)).toHaveLength(1);
    await clock.advance(1_000);
    await eventually(async () => (await channels(admin)).length === 0);
    await eventually(async () => (await connections(admin)) === 3);
  });

  it('is opened again when it was lost, and what was missed meanwhile is found', async () => {
    const server = await startRedis();
    const admin = server.client();
    const [holder, driver] = [await started(server.url), await started(server.url)];
    const [waiter, grant] = await waiting(holder, driver);
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    // With nobody there to be told of it.
    await holder.locks.release(grant);
    await eventually(() => waiter.woken);
    await driver.locks.release(await waiter.turn());
    const [next, held] = await waiting(holder, driver);
    await eventually(async () => (await channels(admin)).length === 1);
    await holder.locks.release(held);
    await eventually(() => next.woken);
    await driver.locks.release(await next.turn());
  });

  it('is not needed: a user who may not subscribe is told once, and who waits finds its turn without it', async () => {
    const server = await startRedis({ aclUsers: ['app on >x ~* &* +@all -subscribe'] });
    const context = recordingContext();
    const holder = await started(server.url);
    const driver = await started(`redis://app:x@127.0.0.1:${server.port}`, context);
    for (let round = 0; round < 3; round += 1) {
      const [waiter, grant] = await waiting(holder, driver);
      await holder.locks.release(grant);
      await eventually(() => waiter.woken);
      await driver.locks.release(await waiter.turn());
    }
    expect(context.warnings).toHaveLength(1);
    expect(context.warnings[0]).toMatch(/refuses subscriptions.*NOPERM.*subscribe/);
  });
});
