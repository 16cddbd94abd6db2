import { isOwner, tryAcquire, withdraw } from '../../support/driver-calls.js';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Grant } from '../../../lib/drivers/driver.js';
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
import { startRedisNodes, stopAllRedis, type RedisServer } from '../../support/redis-server.js';

/** Long enough that no healthy node is late with an answer on a busy machine, ms. */
const COMMAND_TIMEOUT = 1500;

describe('with one of three nodes stopped by SIGSTOP,', () => {
  let servers: RedisServer[];
  let hung: RedisServer;
  let driver: RedisDriver;
  let context: ReturnType<typeof recordingContext>;

  beforeEach(async () => {
    servers = await startRedisNodes(3);
    hung = servers[2] as RedisServer;
    context = recordingContext();
    driver = driverOn(
      servers.map(({ url }) => url),
      context,
      { commandTimeout: COMMAND_TIMEOUT, connectTimeout: COMMAND_TIMEOUT, maxTtl: 60_000 },
    );
    await driver.start();
    // Start is content with a quorum; these tests are about all three.
    const down = (): number => context.warnings.length;
    await eventually(async () => {
      const counts = await Promise.all(
        servers.map(async (server) => {
          const client = server.client();
          const list = String(await client.client('LIST'))
            .trim()
            .split('\n').length;
          client.disconnect();
          return list;
        }),
      );
      return down() === 0 && counts.every((count) => count >= 2);
    });
  });

  afterEach(async () => {
    await driver.stop();
    await stopAllRedis();
  });

  afterAll(stopAllRedis);

  const pair = async (): Promise<number> => {
    const start = performance.now();
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName()))));
    return performance.now() - start;
  };

  it('an acquisition takes no longer, neither at first nor later', async () => {
    hung.pause();
    const times: number[] = [];
    for (let round = 0; round < 50; round += 1) times.push(await pair());
    await eventually(() => context.warnings.length > 0);
    for (let round = 0; round < 50; round += 1) times.push(await pair());
    times.sort((a, b) => a - b);
    expect(times[90]).toBeLessThan(COMMAND_TIMEOUT / 3);
    expect(context.warnings).toHaveLength(1);
    expect(context.warnings[0]).toContain(`127.0.0.1:${hung.port} is down: no answer within`);
    expect(context.changes).toEqual([{ state: 'up' }]);
  });

  it('a lock that is held is refused after at most one command time-out', async () => {
    const name = freshName();
    const grant = granted(await tryAcquire(driver, request(name)));
    hung.pause();
    const times: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const start = performance.now();
      const reply = await tryAcquire(driver, request(name));
      expect(reply.granted).toBe(false);
      if (round > 0) times.push(performance.now() - start);
    }
    times.sort((a, b) => a - b);
    expect(times[16]).toBeLessThan(COMMAND_TIMEOUT / 2);
    expect(await renewed(driver, grant, 1000)).toBe(true);
    expect(await isOwner(driver, grant)).toBe(true);
    expect(await driver.locks.release(grant)).toBe(true);
  });

  it('the node comes back by itself with SIGCONT, and what it took late is freed there', async () => {
    const name = freshName();
    hung.pause();
    await driver.locks.release(granted(await tryAcquire(driver, request(name, 60_000))));
    await eventually(() => context.warnings.length > 0);
    hung.resume();
    await eventually(() => context.warnings.length > 1);
    expect(context.warnings[1]).toContain(`127.0.0.1:${hung.port} can be used again`);
    const client = hung.client();
    await eventually(async () => (await client.get(`coordination:lock:${name}`)) === null);
    expect(context.warnings).toHaveLength(2);
  });

  it('a release still wakes the next who waits', async () => {
    const name = freshName();
    hung.pause();
    const grant = granted(await tryAcquire(driver, request(name)));
    const waiter = new SuiteWaiter(driver, name);
    await waiter.enqueue();
    await driver.locks.release(grant);
    await eventually(() => waiter.woken);
    await driver.locks.release(await waiter.turn());
  });

  it('a second one takes the back end down, once, and its return brings it up, once', async () => {
    const second = servers[1] as RedisServer;
    hung.pause();
    second.pause();
    await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow(/2 of 3 nodes/);
    const start = performance.now();
    for (let round = 0; round < 20; round += 1) {
      await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow(/take the lock/);
    }
    expect(performance.now() - start).toBeLessThan(COMMAND_TIMEOUT);
    expect(context.changes.map(({ state }) => state)).toEqual(['up', 'down']);
    expect(context.changes[1]?.cause?.message).toContain('no answer within');
    second.resume();
    await eventually(() => context.changes.length > 2);
    await pair();
    hung.resume();
    await eventually(() => context.warnings.length === 4);
    expect(context.changes.map(({ state }) => state)).toEqual(['up', 'down', 'up']);
  });

  it('stops in bounded time even with all of them stopped', async () => {
    const name = freshName();
    granted(await tryAcquire(driver, request(name)));
    const waiter = new SuiteWaiter(driver, name);
    await waiter.enqueue();
    for (const server of servers) server.pause();
    const pending = tryAcquire(driver, request(freshName()));
    const outcome = expect(pending).rejects.toThrow(/stopped|no answer/);
    const start = performance.now();
    await driver.stop();
    expect(performance.now() - start).toBeLessThan(COMMAND_TIMEOUT);
    await outcome;
  });
});

describe('with that node stopped by SIGSTOP in whose queue one waits,', () => {
  afterAll(stopAllRedis);

  it('the wait goes on at the next node, and a release there ends it', async () => {
    const servers = await startRedisNodes(3);
    const urls = servers.map(({ url }) => url);
    const [holder, other] = [1, 2].map(() =>
      driverOn(urls, recordingContext(), {
        commandTimeout: COMMAND_TIMEOUT,
        connectTimeout: COMMAND_TIMEOUT,
      }),
    ) as [RedisDriver, RedisDriver];
    await Promise.all([holder.start(), other.start()]);
    const name = freshName();
    const key = `coordination:lock:${name}`;
    const clients = servers.map((server) => server.client());
    const [first, second] = clients;
    // A start is content with a quorum; this is about the first node, and a quorum without it.
    const takenOnAll = (driver: RedisDriver, name: string): Promise<Grant> =>
      eventually(async () => {
        const taken = granted(await tryAcquire(driver, request(name, 60_000)));
        await withdraw(driver, 'nobody');
        const votes = clients.map((client) => client.exists(`coordination:lock:${name}`));
        if ((await Promise.all(votes)).every((vote) => vote === 1)) return taken;
        await driver.locks.release(taken);
        return undefined;
      });
    await takenOnAll(other, freshName());
    const grant = await takenOnAll(holder, name);
    const waiter = new SuiteWaiter(other, name);
    await waiter.enqueue();
    expect(await first?.zcard(queueOf(key))).toBe(1);
    expect(await second?.zcard(queueOf(key))).toBe(0);
    servers[0]?.pause();
    const turn = waiter.turn();
    await eventually(async () => (await second?.zcard(queueOf(key))) === 1);
    expect(waiter.granted).toBe(false);
    expect(await holder.locks.release(grant)).toBe(true);
    const next = await turn;
    expect(await isOwner(other, next)).toBe(true);
    expect(await other.locks.release(next)).toBe(true);
    servers[0]?.resume();
    await Promise.all([holder.stop(), other.stop()]);
  });
});
