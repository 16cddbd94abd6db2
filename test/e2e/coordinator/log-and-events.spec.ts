import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService, LeaseLostError } from 'nestjs-coordination';
import { RecordedLog } from '../../support/recorded-log.js';
import { startRedis, stopAllRedis } from '../../support/redis-server.js';

let log: RecordedLog;
let coordinator: CoordinatorService;

beforeEach(async () => {
  log = RecordedLog.install();
  coordinator = new CoordinatorService({ backendUrl: 'memory:events', agentId: 'a1', prefix: 'p-' });
  await coordinator.start();
});

afterEach(async () => {
  await coordinator.stop();
  await stopAllRedis();
});

describe('the log of a coordinator', () => {
  it('has a line for start and stop, with agent, prefix and back end', async () => {
    await coordinator.start();
    await coordinator.stop();
    await coordinator.stop();
    expect(log.of('log')).toEqual([
      'Coordinator started (agent "a1", prefix "p-", back end memory events)',
      'Coordinator stopped (agent "a1", prefix "p-")',
    ]);
  });

  it('names the rendered lock and the function that runs under it', async () => {
    await coordinator.using('share-7', function extendShare() {});
    await coordinator.using('share-8', () => undefined);
    await coordinator.getLock('share-9').acquire();
    expect(log.of('debug')).toEqual([
      'Lock "share-7" acquired by "extendShare"',
      'Lock "share-7" released',
      'Lock "share-8" acquired by "an anonymous function"',
      'Lock "share-8" released',
      'Lock "share-9" acquired',
    ]);
    await coordinator.getLock('share-9').break();
  });

  it('says at debug when a call waits, and when the lock was not to be had', async () => {
    const held = await coordinator.getLock('share-7').hold();
    await expect(coordinator.using('share-7', { blocking: 1 }, function extendShare() {})).rejects.toThrow();
    expect(await coordinator.getLock('share-7').acquire(false)).toBe(false);
    await held.release();
    expect(log.of('debug')).toEqual([
      'Lock "share-7" acquired',
      'Lock "share-7": "extendShare" waits for it',
      'Lock "share-7" not acquired by "extendShare": another holder has it',
      'Lock "share-7" not acquired: another holder has it',
      'Lock "share-7" released',
    ]);
  });

  it('says of a permit once that a call waits for it, and that there was none', async () => {
    const semaphore = coordinator.getSemaphore('exports', 2);
    const permits = [await semaphore.hold(), await semaphore.hold()];
    log.lines.length = 0;
    await expect(
      semaphore.using({ blocking: 1 }, function exportShare() {
        return undefined;
      }),
    ).rejects.toThrow();
    expect(log.of('debug').filter((line) => !line.includes('"permit:next:exports"'))).toEqual([
      'Semaphore "exports": "exportShare" waits for a permit',
      'Semaphore "exports": no permit for "exportShare": all permits are taken',
    ]);
    for (const permit of permits) await permit.release();
  });

  it('builds no debug line that is not written', async () => {
    RecordedLog.install(['log', 'warn', 'error']);
    let reads = 0;
    const body = (): void => undefined;
    Object.defineProperty(body, 'name', {
      get: () => ({ toString: () => `${(reads += 1)}`, [Symbol.toPrimitive]: () => `${(reads += 1)}` }),
    });
    await coordinator.using('share-7', body);
    expect(reads).toBe(0);
    RecordedLog.install();
    await coordinator.using('share-7', body);
    expect(reads).toBeGreaterThan(0);
  });

  it('tells when the back end goes and comes back, as the events do', async () => {
    const server = await startRedis();
    const one = new CoordinatorService({ backendUrl: `${server.url}?commandTimeout=5000`, ttl: 1000 });
    const seen: string[] = [];
    const heard = (name: 'backend.up' | 'backend.down'): Promise<unknown> =>
      new Promise((resolve) => {
        const off = one.on(name, (event) => {
          seen.push(name);
          expect(event).toMatchObject({ memberId: one.memberId, at: expect.any(Number) });
          off();
          resolve(event);
        });
      });
    const first = heard('backend.up');
    await one.start();
    await first;
    const down = heard('backend.down');
    await server.kill();
    expect(await down).toMatchObject({ error: expect.any(Error) });
    // One that is back sooner is told of in one warning.
    await expect.poll(() => log.of('error')).toHaveLength(1);
    const up = heard('backend.up');
    await server.restart();
    await up;
    await one.stop();
    expect(seen).toEqual(['backend.up', 'backend.down', 'backend.up']);
    expect(log.of('error')).toEqual([expect.stringMatching(/^Back end is down: redis [^\n]+$/)]);
    expect(log.of('log')).toContainEqual(expect.stringMatching(/^Back end is up again: redis [^\n]+$/));
  });
});

describe('the events of a coordinator', () => {
  it('carry lock, member and time', async () => {
    const events: object[] = [];
    for (const name of ['lease.waiting', 'lease.acquired', 'lease.released', 'lease.lost'] as const) {
      coordinator.on(name, (event) => events.push({ name, ...event }));
    }
    const before = Date.now();
    const lock = coordinator.getLock('a');
    await lock.acquire();
    const next = coordinator.using('a', () => undefined);
    await lock.release();
    await next;
    await lock.acquire();
    await lock.break();
    const about = { lock: 'a', memberId: 'p-a1', at: expect.any(Number) };
    expect(events).toEqual([
      { ...about, name: 'lease.acquired', waited: expect.any(Number) },
      { ...about, name: 'lease.waiting' },
      { ...about, name: 'lease.released', held: expect.any(Number) },
      { ...about, name: 'lease.acquired', waited: expect.any(Number) },
      { ...about, name: 'lease.released', held: expect.any(Number) },
      { ...about, name: 'lease.acquired', waited: expect.any(Number) },
      {
        ...about,
        name: 'lease.lost',
        held: expect.any(Number),
        reason: 'broken',
        error: expect.any(LeaseLostError),
      },
    ]);
    for (const event of events) {
      expect(event).toMatchObject({ at: expect.toSatisfy((at: number) => at >= before && at <= Date.now()) });
    }
  });

  it('stop for a listener that takes itself back, and for no other', async () => {
    let calls = 0;
    const listener = (): void => void (calls += 1);
    const [off, second] = [
      coordinator.on('lease.acquired', listener),
      coordinator.on('lease.acquired', listener),
    ];
    await coordinator.using('a', () => undefined);
    expect(calls).toBe(2);
    off();
    off();
    await coordinator.using('a', () => undefined);
    expect(calls).toBe(3);
    second();
    await coordinator.using('a', () => undefined);
    expect(calls).toBe(3);
  });

  it('survive a listener that throws or rejects, which is logged', async () => {
    const heard: string[] = [];
    coordinator.on('lease.acquired', () => {
      throw new Error('thrown');
    });
    coordinator.on('lease.acquired', async () => Promise.reject(new Error('rejected')));
    coordinator.on('lease.acquired', ({ lock }) => heard.push(lock));
    expect(await coordinator.using('a', () => 7)).toBe(7);
    expect(heard).toEqual(['a']);
    expect(log.of('error').toSorted()).toEqual([
      expect.stringContaining('A listener for "lease.acquired" failed Error: rejected'),
      expect.stringContaining('A listener for "lease.acquired" failed Error: thrown'),
    ]);
  });
});
