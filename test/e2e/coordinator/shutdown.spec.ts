import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  BackendUnavailableError,
  CoordinationModule,
  CoordinatorService,
  LeaseLostError,
} from 'nestjs-coordination';
import { eventually } from '../../support/eventually.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { RedisServer, stopAllRedis } from '../../support/redis-server.js';

let directory = '';
let redis: RedisServer;
let log: RecordedLog;
let count = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coordination-shutdown-'));
  redis = await RedisServer.start();
});

beforeEach(() => {
  log = RecordedLog.install();
});

afterAll(async () => {
  await stopAllRedis();
  await rm(directory, { recursive: true });
});

const urls = {
  memory: () => 'memory:shutdown',
  file: () => `file://${directory}`,
  redis: () => `${redis.url}?commandTimeout=5000`,
};

function sockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP')).length;
}

async function started(kind: keyof typeof urls, stopTimeout: number): Promise<CoordinatorService> {
  const coordinator = new CoordinatorService({ backendUrl: urls[kind](), stopTimeout, ttl: 3000 });
  await coordinator.start();
  return coordinator;
}

/** A body that ends when it is told to. */
function body() {
  let end = (): void => undefined;
  let begin: (signal: AbortSignal) => void = () => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const begun = new Promise<AbortSignal>((resolve) => (begin = resolve));
  const run = async ({ signal }: { signal: AbortSignal }): Promise<string> => {
    begin(signal);
    await ended;
    return 'done';
  };
  return { run, begun, end: () => end() };
}

describe.each(['memory', 'file', 'redis'] as const)('a stop on %s', (kind) => {
  it('ends soon after stopTimeout with waiters and running bodies, and then starts again', async () => {
    const name = `stop-${(count += 1)}`;
    const coordinator = await started(kind, 300);
    const { run, begun, end } = body();
    const running = coordinator.using(name, run);
    const signal = await begun;
    const waiting = [coordinator.using(name, () => 'never'), coordinator.getLock(name).acquire()];
    const refused = Promise.allSettled(waiting);
    const begin = performance.now();
    await coordinator.stop();
    const took = performance.now() - begin;
    expect(log.of('log').filter((line) => line.startsWith('Coordinator stops'))).toEqual([
      expect.stringMatching(
        /^Coordinator stops in at most 300 ms \(stopTimeout; agent .*\): 1 lease is held, and 2 calls wait for one$/,
      ),
    ]);
    expect(took).toBeGreaterThanOrEqual(300);
    expect(took).toBeLessThan(4000);
    expect(await refused).toEqual(
      waiting.map(() => ({ status: 'rejected', reason: expect.any(BackendUnavailableError) })),
    );
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(LeaseLostError);

    // The body still runs, so nobody else may have the lock.
    const other = await started(kind, 0);
    expect(await other.getLock(name).acquire(false)).toBe(false);
    end();
    await expect(running).rejects.toBeInstanceOf(LeaseLostError);
    expect(await other.getLock(name).acquire(10_000)).toBe(true);
    await other.stop();

    await coordinator.start();
    expect(await coordinator.using(`${name}-again`, () => 7)).toBe(7);
    await coordinator.stop();
  });

  it('lets bodies end that do so in time, and releases their leases', async () => {
    const name = `stop-${(count += 1)}`;
    const coordinator = await started(kind, 30_000);
    const { run, begun, end } = body();
    const running = coordinator.using(name, run);
    const signal = await begun;
    const stopping = coordinator.stop();
    end();
    expect(await running).toBe('done');
    await stopping;
    expect(signal.aborted).toBe(false);
    const other = await started(kind, 0);
    expect(await other.getLock(name).acquire(false)).toBe(true);
    await other.stop();
    expect(log.of('warn').filter((line) => line.includes(`"${name}"`) && line.includes('release'))).toEqual(
      [],
    );
  });
});

describe('a stop while Redis is down', () => {
  it.each(['killed', 'stopped in its tracks'])('ends in bounded time (%s)', async (how) => {
    const server = await RedisServer.start();
    const before = sockets();
    const options = { backendUrl: server.url, stopTimeout: 300, ttl: 2000 };
    const coordinator = new CoordinatorService(options);
    await coordinator.start();
    const lock = coordinator.getLock('a');
    await lock.acquire();
    const waiting = coordinator.getLock('a').acquire();
    const refused = expect(waiting).rejects.toBeInstanceOf(BackendUnavailableError);
    if (how === 'killed') await server.kill();
    else server.pause();
    const begin = performance.now();
    await coordinator.stop();
    expect(performance.now() - begin).toBeLessThan(5000);
    expect(coordinator.started).toBe(false);
    await refused;
    expect(await lock.release()).toBe(false);
    if (how !== 'killed') server.resume();
    await server.stop();
    // Fewer, when the servers' own clients were still closing before.
    await eventually(() => sockets() <= before);
  });
});

describe('an application that closes', () => {
  async function application(stopTimeout: number) {
    @Module({ imports: [CoordinationModule.forRoot({ backendUrl: 'memory:closing', stopTimeout })] })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: log, abortOnError: false });
    return { app, coordinator: app.get(CoordinatorService) };
  }

  it('stops its coordinator', async () => {
    const { app, coordinator } = await application(1000);
    expect(coordinator.started).toBe(true);
    await app.close();
    expect(coordinator.started).toBe(false);
  });

  it('bounds present and new waiters from the first hook on, before any connection is drained', async () => {
    const { app, coordinator } = await application(300);
    const lock = coordinator.getLock('a');
    await lock.acquire();
    const present = coordinator.getLock('a').acquire();
    coordinator.beforeApplicationShutdown();
    const fresh = coordinator.getLock('a').acquire();
    const begin = performance.now();
    const outcomes = await Promise.allSettled([present, fresh]);
    expect(outcomes).toEqual(
      outcomes.map(() => ({ status: 'rejected', reason: expect.any(BackendUnavailableError) })),
    );
    expect(performance.now() - begin).toBeLessThan(3000);
    await expect(coordinator.using('b', () => 'never')).rejects.toBeInstanceOf(BackendUnavailableError);
    expect(lock.acquired).toBe(true);
    expect(await lock.release()).toBe(true);
    await app.close();
  });

  it('counts stopTimeout from the first hook, not once more from the last', async () => {
    const { app, coordinator } = await application(3000);
    const lock = coordinator.getLock('a');
    await lock.acquire();
    const { signal } = lock.lease!;
    const begin = performance.now();
    coordinator.beforeApplicationShutdown();
    await coordinator.using('b', () => undefined);
    await expect(coordinator.getLock('a').acquire()).rejects.toBeInstanceOf(BackendUnavailableError);
    await app.close();
    const took = performance.now() - begin;
    expect(took).toBeGreaterThanOrEqual(3000);
    expect(took).toBeLessThan(5950);
    expect(signal.aborted).toBe(true);
    expect(await lock.release()).toBe(false);
  });
});
