import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  BackendUnavailableError,
  CoordinatorService,
  Lock,
  LockCreationFailedError,
} from 'nestjs-coordination';
import { MemorySpace } from '../../../lib/drivers/memory/memory-space.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { freePort } from '../../support/redis-ports.js';
import { RedisServer, stopAllRedis } from '../../support/redis-server.js';

function members(): string[] {
  return [...MemorySpace.named('lifecycle').records.of('members', performance.now()).keys()];
}

function coordinator(agentId = 'a'): CoordinatorService {
  return new CoordinatorService({ backendUrl: 'memory:lifecycle', agentId, prefix: 'app:' });
}

beforeAll(() => {
  RecordedLog.install();
});

afterAll(stopAllRedis);

describe('a coordinator', () => {
  it('has an agent id, a prefix and a member id of its own', () => {
    const one = coordinator();
    expect([one.agentId, one.prefix, one.memberId, one.started]).toEqual(['a', 'app:', 'app:a', false]);
    const others = [new CoordinatorService({ backendUrl: 'memory:' }), new CoordinatorService()];
    expect(others[0]?.agentId).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    expect(others[0]?.agentId).not.toBe(others[1]?.agentId);
  });

  it('starts and stops, and its presence with it', async () => {
    const one = coordinator();
    await one.start();
    expect([one.started, members()]).toEqual([true, ['app:a']]);
    await one.stop();
    expect([one.started, members()]).toEqual([false, []]);
  });

  it('can be started twice, stopped twice, and started again', async () => {
    const one = coordinator();
    await one.stop();
    await Promise.all([one.start(), one.start()]);
    await one.start();
    expect(one.started).toBe(true);
    await Promise.all([one.stop(), one.stop()]);
    await one.stop();
    expect(one.started).toBe(false);
    await one.start();
    expect(await one.using('again', () => 7)).toBe(7);
    await one.stop();
    expect(members()).toEqual([]);
  });

  it('ends as the last of many concurrent calls says', async () => {
    let seed = 4711;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < 200; round += 1) {
      const one = coordinator(`agent-${round}`);
      const calls: Promise<void>[] = [];
      let last = 'stop';
      for (let step = 0; step < 2 + random() * 6; step += 1) {
        last = random() < 0.5 ? 'start' : 'stop';
        calls.push(last === 'start' ? one.start() : one.stop());
        for (let turns = random() * 4; turns > 0; turns -= 1) await Promise.resolve();
      }
      await Promise.all(calls);
      expect(one.started, `round ${round}`).toBe(last === 'start');
      expect(members().length).toBe(last === 'start' ? 1 : 0);
      await one.stop();
      expect([one.started, members().length]).toEqual([false, 0]);
    }
  });

  it('ends as the last of many concurrent calls says also when starts fail', async () => {
    const root = mkdtempSync(join(tmpdir(), 'coordination-lifecycle-'));
    const parent = join(root, 'parent');
    let seed = 42;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    let failures = 0;
    for (let round = 0; round < 60; round += 1) {
      const one = new CoordinatorService({ backendUrl: `file://${parent}/state` });
      const calls: Promise<boolean>[] = [];
      let last = 'stop';
      for (let step = 0; step < 2 + random() * 5; step += 1) {
        rmSync(parent, { recursive: true, force: true });
        // A directory below a plain file cannot be made.
        if (random() < 0.5) writeFileSync(parent, '');
        last = random() < 0.6 ? 'start' : 'stop';
        const call = last === 'start' ? one.start() : one.stop();
        calls.push(
          call.then(
            () => true,
            () => false,
          ),
        );
        if (random() < 0.5) await new Promise((resolve) => setImmediate(resolve));
      }
      const succeeded = await Promise.all(calls);
      failures += succeeded.filter((success) => !success).length;
      expect(one.started, `round ${round}`).toBe(last === 'start' && succeeded.at(-1));
      await one.stop();
      expect(one.started).toBe(false);
      rmSync(parent, { recursive: true, force: true });
      await mkdir(parent);
      await one.start();
      expect(one.started).toBe(true);
      await one.stop();
    }
    expect(failures).toBeGreaterThan(10);
    await rm(root, { recursive: true });
  });

  it('can be stopped when it was started anew before an earlier start had failed', async () => {
    const root = mkdtempSync(join(tmpdir(), 'coordination-lifecycle-'));
    const parent = join(root, 'parent');
    writeFileSync(parent, '');
    const one = new CoordinatorService({ backendUrl: `file://${parent}/state` });
    const failing = expect(one.start().finally(() => rmSync(parent))).rejects.toThrow();
    const [stopping, starting] = [one.stop(), one.start()];
    await Promise.all([failing, stopping, starting]);
    expect(one.started).toBe(true);
    await one.stop();
    expect(one.started).toBe(false);
    await rm(root, { recursive: true });
  });

  it('is the one that new locks belong to, from its start to its stop', async () => {
    const one = coordinator();
    expect(() => new Lock('a')).toThrow(LockCreationFailedError);
    await one.start();
    expect(await new Lock('a').using(() => 7)).toBe(7);
    await one.stop();
    expect(() => new Lock('a')).toThrow('no coordinator is started in this process');
  });

  it('fails to start while the back end is offline, and can be started once it is there', async () => {
    const port = await freePort();
    const one = new CoordinatorService({ backendUrl: `redis://127.0.0.1:${port}`, ttl: 1000 });
    const starts = await Promise.allSettled([one.start(), one.start()]);
    for (const start of starts) {
      expect(start).toMatchObject({ status: 'rejected', reason: expect.any(BackendUnavailableError) });
    }
    expect(one.started).toBe(false);
    expect(() => one.getLock('a')).toThrow(LockCreationFailedError);
    await one.stop();
    const server = await RedisServer.start();
    const other = new CoordinatorService({
      backendUrl: `${server.url}?commandTimeout=5000`,
      ttl: 1000,
    });
    await server.kill();
    await expect(other.start()).rejects.toBeInstanceOf(BackendUnavailableError);
    expect(other.started).toBe(false);
    await server.restart();
    await other.start();
    expect(await other.using('a', () => 7)).toBe(7);
    await other.stop();
    await server.stop();
  });

  it('keeps its presence in Redis, with a ttl, and takes it back', async () => {
    const server = await RedisServer.start();
    const one = new CoordinatorService({
      backendUrl: `${server.url}?commandTimeout=5000`,
      agentId: 'present',
      ttl: 2000,
    });
    await one.start();
    const client = server.client();
    const keys = (await client.keys('*')).filter((key) => key.includes('present'));
    expect(keys).toHaveLength(1);
    expect(await client.pttl(keys[0]!)).toBeGreaterThan(0);
    await one.stop();
    expect(await client.exists(keys[0]!)).toBe(0);
    await server.stop();
  });
});

describe('a coordinator that is not started', () => {
  it('gives no locks, and says where they can be had', () => {
    const one = coordinator();
    expect(() => one.getLock('a')).toThrow(LockCreationFailedError);
    expect(() => one.getLock('a')).toThrow(
      'getLock("a"): the coordinator of member app:a is not started; it starts in onModuleInit (constructors run before that) and stops at shutdown, or call coordinator.start()',
    );
  });

  it('runs nothing', async () => {
    await expect(coordinator().using('a', () => expect.unreachable())).rejects.toBeInstanceOf(
      LockCreationFailedError,
    );
  });

  it('takes no more locks by handles from before, but gives back what they hold', async () => {
    const one = coordinator();
    await one.start();
    const [free, held] = [one.getLock('free'), one.getLock('held')];
    await held.acquire();
    const stopping = one.stop();
    expect(await held.release()).toBe(true);
    await stopping;
    for (const attempt of [() => free.acquire(), () => free.hold(), () => free.break()]) {
      await expect(attempt()).rejects.toBeInstanceOf(LockCreationFailedError);
    }
    expect(await held.isStillOwner()).toBe(false);
    expect([await free.release(), await held.release()]).toEqual([false, false]);
    await one.start();
    expect(await free.acquire(false)).toBe(true);
    expect(await free.release()).toBe(true);
    await one.stop();
  });
});
