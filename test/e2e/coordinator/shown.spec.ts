import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';
import { RecordedLog } from '../../support/recorded-log.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

let coordinator: CoordinatorService;

afterEach(async () => {
  await coordinator.stop();
  await stopAllRedis();
});

describe('what people see of', () => {
  it('a coordinator is its names', () => {
    coordinator = new CoordinatorService({
      backendUrl: 'redis://:secret@10.0.0.1',
      agentId: 'a1',
      prefix: 'p:',
    });
    expect(JSON.parse(JSON.stringify(coordinator))).toEqual({
      agentId: 'a1',
      prefix: 'p:',
      memberId: 'p:a1',
      started: false,
    });
    expect(inspect(coordinator)).toBe(
      "CoordinatorService { agentId: 'a1', prefix: 'p:', memberId: 'p:a1', started: false }",
    );
  });
});

describe('a lease and its handle', () => {
  beforeEach(async () => {
    RecordedLog.install();
    coordinator = new CoordinatorService({ backendUrl: 'memory:shown', fencing: true, stopTimeout: 0 });
    await coordinator.start();
  });

  it('show name, state and token, also as JSON', async () => {
    const lock = coordinator.getLock('share-7');
    const lease = await lock.hold();
    const shown = { name: 'share-7', state: 'held', fencingToken: lease.fencingToken };
    expect(JSON.parse(JSON.stringify({ lease, lock }))).toEqual({
      lease: shown,
      lock: { name: 'share-7', acquired: true, lease: shown },
    });
    expect(inspect(lease)).toBe(
      `Lease { name: 'share-7', state: 'held', fencingToken: ${lease.fencingToken} }`,
    );
    expect(inspect(lock, { breakLength: Infinity })).toContain(
      "Lock { name: 'share-7', acquired: true, lease: Lease { name: 'share-7', state: 'held'",
    );
    await lease.release();
    expect(inspect(lease)).toContain("state: 'released'");
    expect(JSON.parse(JSON.stringify(lock))).toEqual({ name: 'share-7', acquired: false });
  });
});

describe('a lease that has a deadline', () => {
  it('shows it as a date', async () => {
    const redis = await startRedis();
    RecordedLog.install();
    coordinator = new CoordinatorService({
      backendUrl: redis.url,
      redis: { persistent: true },
      stopTimeout: 0,
    });
    await coordinator.start();
    const lease = await coordinator.getLock('share-7').hold();
    const { deadline } = JSON.parse(JSON.stringify(lease)) as { deadline: string };
    expect(new Date(deadline).getTime()).toBeCloseTo(lease.deadline, -1);
  });
});
