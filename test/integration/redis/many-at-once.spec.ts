import { isOwner, tryAcquire } from '../../support/driver-calls.js';
import type { Redis } from 'ioredis';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService, type Lease } from 'nestjs-coordination';
import type { Granted, Taken } from '../../../lib/drivers/driver.js';
import type { RedisDriver } from '../../../lib/drivers/redis/index.js';
import { WINDOW } from '../../../lib/drivers/redis/node/send-window.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { freshName, granted, recordingContext, renewed, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { driverOn } from '../../support/redis-drivers.js';
import { type RedisServer, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

/** So many of them waited for longer than a time-out when each was sent at once. */
const MANY = 20_000;
const LONG = 120_000;
/** A server that is given no time for a second is rightly told of as down. */
const BUSY = { timeout: LONG, retry: 1 };

/** No server of a busy machine is silent for so long, ms. */
const PATIENT = 30_000;

beforeAll(() => {
  RecordedLog.install();
});

async function locksOn(client: Redis): Promise<number> {
  return (await client.keys('coordination:lock:*')).length;
}

describe.each([
  { nodes: 1, count: MANY },
  { nodes: 3, count: MANY / 4 },
])('$count locks at once on $nodes nodes', ({ nodes, count }) => {
  afterEach(stopAllRedis);

  async function started() {
    const servers = await startRedisNodes(nodes);
    const hosts = servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
    const coordinator = new CoordinatorService({ backendUrl: `redis://${hosts}`, ttl: 60_000 });
    const downs: unknown[] = [];
    coordinator.on('backend.down', (event) => downs.push(event));
    await coordinator.start();
    const clients = servers.map((server) => server.client());
    const left = async (): Promise<number> => Math.max(...(await Promise.all(clients.map(locksOn))));
    return { coordinator, downs, left };
  }

  it('all get their turn, and leave nothing behind', BUSY, async () => {
    const { coordinator, downs, left } = await started();
    let ran = 0;
    const calls = Array.from({ length: count }, (_, index) =>
      coordinator.using(`lock-${index}`, { blocking: LONG }, () => (ran += 1)),
    );
    await Promise.all(calls);
    expect(ran).toBe(count);
    expect(downs).toEqual([]);
    await expect.poll(left).toBe(0);
    await coordinator.stop();
  });

  it('are taken in one try each, and then released all at once', BUSY, async () => {
    const { coordinator, downs, left } = await started();
    const leases: Lease[] = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        coordinator.getLock(`lock-${index}`).hold({ blocking: false }),
      ),
    );
    const released = await Promise.all(leases.map((lease) => lease.release()));
    expect(released.filter(Boolean)).toHaveLength(count);
    expect(downs).toEqual([]);
    await expect.poll(left).toBe(0);
    await coordinator.stop();
  });
});

describe('what waits behind a full window', () => {
  let servers: RedisServer[];
  let driver: RedisDriver;
  let crowd: Promise<(Granted | Taken)[]>;

  afterEach(async () => {
    await driver.stop();
    await stopAllRedis();
  });

  async function startDriver(nodes: number, commandTimeout = PATIENT): Promise<Redis[]> {
    servers = await startRedisNodes(nodes);
    const urls = servers.map(({ url }) => url);
    driver = driverOn(urls, recordingContext(), { commandTimeout, connectTimeout: PATIENT, maxTtl: 60_000 });
    await driver.start();
    return servers.map((server) => server.client());
  }

  /** The last node answers nobody, and has as many commands under way as it may. */
  function fillWindow(extra = 0): void {
    servers.at(-1)?.pause();
    const names = Array.from({ length: WINDOW + extra }, () => freshName('crowd'));
    crowd = Promise.all(names.map((name) => tryAcquire(driver, request(name, 60_000))));
    crowd.catch(() => undefined);
  }

  it('has its time from when it is sent, and never from later than that', async () => {
    const [client] = await startDriver(1);
    fillWindow();
    const name = freshName();
    const asked = tryAcquire(driver, request(name, 60_000));
    const before = performance.now();
    await expect.poll(() => performance.now() - before).toBeGreaterThan(300);
    const resumedAt = performance.now();
    servers[0]?.resume();
    const reply = await asked;
    if (!reply.granted || !reply.grant.term)
      throw new Error('it was not granted, or does not say since when');
    expect(reply.grant.term.ms).toBe(60_000);
    expect(reply.grant.term.since.monotonic).toBeGreaterThanOrEqual(resumedAt);
    const end = Date.now() + Number(await client?.pttl(`coordination:lock:${name}`));
    expect(reply.grant.term.since.wall + reply.grant.term.ms).toBeLessThanOrEqual(end + 2);
    const [first] = await crowd;
    // Was sent at once.
    expect(first).not.toHaveProperty('term.since');
  });

  it('lets renewals and releases pass', async () => {
    await startDriver(1);
    const [renewable, free] = [
      granted(await tryAcquire(driver, request(freshName()))),
      granted(await tryAcquire(driver, request(freshName()))),
    ];
    fillWindow(4 * WINDOW);
    let answered = 0;
    const last = Array.from({ length: WINDOW }, () =>
      tryAcquire(driver, request(freshName('late'))).then(() => (answered += 1)),
    );
    const passed = Promise.all([renewed(driver, renewable, 10_000), driver.locks.release(free)]);
    servers[0]?.resume();
    expect(await passed).toEqual([true, true]);
    expect(answered).toBe(0);
    await Promise.all([crowd, ...last]);
  });

  it('fails in bounded time when the node hangs, and is never sent', async () => {
    const [client] = await startDriver(1, 500);
    const start = performance.now();
    fillWindow(4 * WINDOW);
    await expect(crowd).rejects.toThrow(BackendUnavailableError);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, () => tryAcquire(driver, request(freshName()))),
    );
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(performance.now() - start).toBeLessThan(PATIENT / 2);
    servers[0]?.resume();
    // What had been sent is freed; what had not is not there at all.
    const acquired = async (): Promise<number> => {
      const stats = String(await client?.info('commandstats'));
      return Number(/cmdstat_set:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    await eventually(() =>
      tryAcquire(driver, request(freshName())).then(
        ({ granted }) => granted,
        () => false,
      ),
    );
    await expect.poll(async () => (await client?.keys('coordination:lock:crowd*'))?.length).toBe(0);
    expect(await acquired()).toBeLessThan(WINDOW + 200);
  });

  it('is given up when its caller has gone, before it is sent', async () => {
    await startDriver(1);
    fillWindow();
    const name = freshName();
    const caller = { hasCancelled: false };
    const asked = tryAcquire(driver, { ...request(name), caller });
    const outcome = expect(asked).rejects.toThrow(/was not asked within the time allowed/);
    caller.hasCancelled = true;
    // The node still answers nobody.
    await outcome;
    servers[0]?.resume();
    await crowd;
  });

  it('is sent where there is room, though its time was over before', async () => {
    await startDriver(1);
    const late = { ...request(freshName()), caller: { hasCancelled: true, hasGone: false } };
    expect((await tryAcquire(driver, late)).granted).toBe(true);
    const gone = { ...request(freshName()), caller: { hasCancelled: true, hasGone: true } };
    await expect(tryAcquire(driver, gone)).rejects.toThrow('was not asked, as its caller has gone');
  });

  it('is given up by its own time limit, its signal, and a stop', async () => {
    servers = await startRedisNodes(1);
    const coordinator = new CoordinatorService({
      backendUrl: `redis://127.0.0.1:${servers[0]?.port}?commandTimeout=${PATIENT}`,
      ttl: 60_000,
      stopTimeout: 100,
    });
    await coordinator.start();
    driver = driverOn(servers[0]?.url ?? '');
    servers[0]?.pause();
    const held = Array.from({ length: WINDOW }, (_, index) =>
      coordinator.getLock(`crowd-${index}`).acquire(),
    );
    for (const each of held) each.catch(() => undefined);
    const start = performance.now();
    const limited = coordinator.getLock('limited').acquire(100);
    await expect(limited).rejects.toThrow(/was not asked within the time allowed/);
    const leave = new AbortController();
    const signalled = coordinator.getLock('signalled').acquire({ blocking: true, signal: leave.signal });
    const waiting = coordinator.getLock('waiting').acquire();
    waiting.catch(() => undefined);
    leave.abort(new Error('gone'));
    await expect(signalled).rejects.toThrow('gone');
    const stopped = coordinator.stop();
    await expect(waiting).rejects.toThrow(BackendUnavailableError);
    expect(performance.now() - start).toBeLessThan(PATIENT / 2);
    servers[0]?.resume();
    await stopped;
    const client = servers[0]?.client() as Redis;
    expect(await client.exists('coordination:lock:limited', 'coordination:lock:signalled')).toBe(0);
  });

  it('is not sent to a slow node when the others have granted it and it was released since', async () => {
    const clients = await startDriver(3);
    fillWindow();
    const name = freshName();
    const grant = granted(await tryAcquire(driver, request(name, 60_000)));
    expect(await driver.locks.release(grant)).toBe(true);
    servers[2]?.resume();
    await crowd;
    // After all that it had to do.
    await isOwner(driver, grant);
    await expect
      .poll(async () =>
        (await Promise.all(clients.map((client) => client.exists(`coordination:lock:${name}`)))).join(),
      )
      .toBe('0,0,0');
    const mine = granted(await tryAcquire(driver, request(freshName(), 60_000)));
    await expect
      .poll(async () => Promise.all(clients.map((client) => client.get(`coordination:lock:${mine.name}`))))
      .toEqual([mine.id, mine.id, mine.id]);
    expect(await clients[2]?.exists(`coordination:lock:${name}`)).toBe(0);
  });

  it('is still sent to a slow node while the lease is held', async () => {
    const clients = await startDriver(3);
    fillWindow();
    const grant = granted(await tryAcquire(driver, request(freshName(), 60_000)));
    servers[2]?.resume();
    await expect.poll(() => clients[2]?.get(`coordination:lock:${grant.name}`)).toBe(grant.id);
  });
});

describe('a call with a longer ttl than all before', () => {
  const SHORT = 10_000;
  let driver: RedisDriver;

  beforeEach(async () => {
    const [server] = await startRedisNodes(1);
    driver = driverOn(server?.url ?? '', recordingContext(), {
      commandTimeout: PATIENT,
      connectTimeout: PATIENT,
      quarantine: false,
    });
    await driver.start();
    // From now on the node knows of the short ttl.
    await driver.locks.release(granted(await tryAcquire(driver, request(freshName(), SHORT))));
    failed.length = 0;
  });

  afterEach(async () => {
    await driver.stop();
    await stopAllRedis();
  });

  /** The calls that were not granted, as what happened to them instead. */
  const failed: string[] = [];

  function ask(ttl: number): Promise<unknown> {
    return tryAcquire(driver, request(freshName('crowd'), ttl)).then(
      (reply) => reply.granted || failed.push('taken'),
      (error: Error) => failed.push(error.message.replace(/.*: /, '')),
    );
  }

  const crowd = (count: number): Promise<unknown>[] => Array.from({ length: count }, () => ask(SHORT));

  it('fails no call that waits behind a full window', { timeout: LONG }, async () => {
    const calls = crowd(5 * WINDOW);
    // The first of them are under way now.
    await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([...calls, ask(2 * SHORT)]);
    expect(new Set(failed)).toEqual(new Set());
  });

  it('fails none either when longer ones follow it', { timeout: LONG }, async () => {
    const calls = crowd(5 * WINDOW);
    for (let times = 2; times < 12; times += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      calls.push(ask(times * SHORT), ...crowd(WINDOW / 2));
    }
    await Promise.all(calls);
    expect(new Set(failed)).toEqual(new Set());
  });

  it('fails none either when it comes from a caller that was granted a lock', { timeout: LONG }, async () => {
    let ttl = SHORT;
    const calls = crowd(5 * WINDOW).map((call, index) =>
      call.then(() => (index % 100 === 0 ? ask((ttl += 1000)) : undefined)),
    );
    await Promise.all(calls);
    expect(new Set(failed)).toEqual(new Set());
  });
});
