import { announce, breakLock, enqueue, isOwner, tryAcquire } from '../../support/driver-calls.js';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TRUSTED_MS } from '../../../lib/drivers/driver.js';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { counterOf } from '../../../lib/drivers/redis/scripts/keys.js';
import { freshName, granted, recordingContext, renewed, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { driverOn } from '../../support/redis-drivers.js';
import { startRedisNodes, stopAllRedis, type RedisServer } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

/** Long enough that no node is late with an answer on a busy machine, ms. */
const LONGEST_WAIT = 5000;

describe('a lease that not every node has granted', () => {
  let servers: RedisServer[];
  let clients: Redis[];
  /** Before the third node. */
  let link: TcpProxy;
  const drivers: RedisDriver[] = [];
  let name: string;

  beforeEach(async () => {
    servers = await startRedisNodes(3);
    clients = servers.map((server) => server.client());
    link = await TcpProxy.start(servers[2]!.port);
    name = freshName();
  });

  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
    await link.stop();
    await stopAllRedis();
  });

  /** @param far whether it reaches the third node over the link */
  async function started(far = false): Promise<RedisDriver> {
    const urls = servers.map(({ url }) => url);
    if (far) urls[2] = `redis://127.0.0.1:${link.port}`;
    const driver = driverOn(urls, recordingContext(), {
      commandTimeout: LONGEST_WAIT,
      nodeList: 'completion',
    });
    drivers.push(driver);
    await driver.start();
    return driver;
  }

  const key = (): string => `coordination:lock:${name}`;
  const holders = (): Promise<(string | null)[]> => Promise.all(clients.map((client) => client.get(key())));
  const everywhere = (id: string): Promise<boolean> =>
    eventually(async () => (await holders()).every((holder) => holder === id));

  it('gets the node at which its waiter was faster than the release of the one before', async () => {
    const [far, near] = [await started(true), await started()];
    const before = granted(await tryAcquire(far, request(name)));
    await everywhere(before.id);
    let woken = false;
    const place = enqueue(near, request(name), () => (woken = true));
    expect((await place.tryAcquire()).granted).toBe(false);
    await place.ready();
    link.set('up', { cut: 'hold' });
    expect(await far.locks.release(before)).toBe(true);
    await eventually(() => woken);
    const next = granted(await place.tryAcquire());
    expect(await holders()).toEqual([next.id, next.id, before.id]);
    link.heal();
    // Soon, or else with its first renewal.
    await eventually(async () => (await holders())[2] !== before.id);
    expect(await renewed(near, next, 10_000)).toBe(true);
    await everywhere(next.id);
    // So one node may fail.
    await servers[1]!.kill();
    expect(await renewed(near, next, 10_000)).toBe(true);
    await near.locks.release(next);
    await eventually(async () => (await clients[2]!.exists(key())) === 0);
  });

  it('asks a node that has refused again in a moment', async () => {
    const driver = await started();
    const [, , third] = clients;
    await eventually(async () => {
      await third!.set(key(), 'somebody', 'PX', 40);
      const grant = granted(await tryAcquire(driver, request(name)));
      const end = performance.now() + TRUSTED_MS;
      const completed = await eventually(async () => {
        const [, , holder] = await holders();
        return (holder === grant.id || performance.now() > end) && { holder };
      });
      await driver.locks.release(grant);
      // A busy machine may be late with all that.
      return completed.holder === grant.id;
    });
  });

  it('gets a node that was away with the next renewal, and the node its fencing counter', async () => {
    const driver = await started();
    const grant = granted(await tryAcquire(driver, { ...request(name), fencing: true, tokens: 16 }));
    await everywhere(grant.id);
    const [, , third] = clients;
    await third!.del(key(), counterOf(key()));
    expect(await renewed(driver, grant, 20_000)).toBe(true);
    await everywhere(grant.id);
    expect(await third!.pttl(key())).toBeGreaterThan(10_000);
    expect(Number(await third!.get(counterOf(key())))).toBe((grant.tokens?.first ?? NaN) + 15);
    await servers[0]!.kill();
    expect(await renewed(driver, grant, 20_000)).toBe(true);
  });

  it('takes no node from somebody else', async () => {
    const driver = await started();
    const grant = granted(await tryAcquire(driver, { ...request(name), fencing: true }));
    await everywhere(grant.id);
    const [, , third] = clients;
    await third!.set(key(), 'somebody', 'PX', 60_000);
    expect(await renewed(driver, grant, 10_000)).toBe(true);
    // Its command is answered after that of the completion.
    expect(await isOwner(driver, grant)).toBe(true);
    expect((await holders())[2]).toBe('somebody');
    await third!.del(key());
    expect(await renewed(driver, grant, 10_000)).toBe(true);
    await everywhere(grant.id);
  });

  it('does not come back when it was released while the node was slow', async () => {
    const driver = await started(true);
    const [, , third] = clients;
    for (const direction of ['up', 'down'] as const) {
      const grant = granted(await tryAcquire(driver, request(name)));
      await everywhere(grant.id);
      await third!.del(key());
      link.set(direction, { cut: 'hold' });
      expect(await renewed(driver, grant, 10_000)).toBe(true);
      expect(await driver.locks.release(grant)).toBe(true);
      link.heal();
      // Asks all nodes, behind what was held.
      await announce(driver, 'member', 10_000);
      expect(await holders()).toEqual([null, null, null]);
    }
  });

  it('does not come back when its connection broke in the middle', async () => {
    const driver = await started(true);
    const [, , third] = clients;
    const grant = granted(await tryAcquire(driver, request(name)));
    await everywhere(grant.id);
    await third!.del(key());
    servers[2]!.pause();
    const renewal = renewed(driver, grant, 10_000);
    expect(await renewal).toBe(true);
    link.reset();
    servers[2]!.resume();
    expect(await driver.locks.release(grant)).toBe(true);
    await eventually(async () => (await holders()).every((holder) => holder === null));
  });

  it('leaves a lock that was broken alone', async () => {
    const [driver, breaker] = [await started(), await started()];
    const grant = granted(await tryAcquire(driver, request(name)));
    await everywhere(grant.id);
    await clients[2]!.del(key());
    const broken = breakLock(breaker, name);
    await eventually(async () => (await holders()).filter((holder) => holder === 'broken').length === 2);
    expect(await renewed(driver, grant, 10_000)).toBe(false);
    expect(await broken).toBe(true);
    expect(await holders()).toEqual([null, null, null]);
  });

  it('is not given to a node that does not know yet whom it has forgotten', async () => {
    const driver = await started();
    const grant = granted(await tryAcquire(driver, request(name)));
    await everywhere(grant.id);
    await clients[2]!.flushall();
    expect(await renewed(driver, grant, 10_000)).toBe(true);
    expect(await isOwner(driver, grant)).toBe(true);
    expect((await holders())[2]).toBe(null);
  });
});
