import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/common/clock.js';
import { CoordinatorEmitter } from '../../lib/common/coordinator.emitter.js';
import { LeaseLostError } from '../../lib/errors.js';
import { Deadline } from '../../lib/lock/lease/deadline.js';
import { HeldLease } from '../../lib/lock/lease/held-lease.js';
import type { LeaseKeeper } from '../../lib/lock/lease/lease-life.js';
import { LockManager } from '../../lib/lock/lock-manager.js';
import { FakeClock } from '../support/fake-clock.js';
import { LockManagerBench } from '../support/lock-manager-bench.js';
import { ScriptedDriver } from '../support/scripted-driver.js';

const GRANT = { name: 'lock', key: 'lock', id: '1' };

const keeper: LeaseKeeper = {
  downgrade: () => ({ grant: GRANT, done: Promise.resolve(true) }),
  owner: undefined,
  memberId: 'member-1',
  guard: () => ({ statement: '', isOurs: () => false, holders: async () => [] }),
  release: async () => true,
  onLeft: () => undefined,
  onLost: () => undefined,
  onReleased: () => undefined,
};

/**
 * A lease of 300 ms after which the event loop was blocked for 450 ms; no timer has run since. Its signal was taken
 * before: asking the lease for it is a look of its own.
 */
function afterBlock(): { lease: HeldLease; signal: AbortSignal } {
  const deadline = Deadline.ofLease(systemClock, 300);
  const lease = new HeldLease('lock', GRANT, 300, deadline, keeper);
  const { signal } = lease;
  expect(signal.aborted).toBe(false);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 450);
  return { lease, signal };
}

describe('the signal of a lease', () => {
  it('is a real AbortSignal', async () => {
    const { signal } = await new LockManagerBench().take();
    expect(signal).toBeInstanceOf(AbortSignal);
    await expect(fetch('http://127.0.0.1:1', { signal: AbortSignal.any([signal]) })).rejects.toThrow();
  });

  it('reads as aborted right after a blocked event loop, before any timer has run', () => {
    expect(afterBlock().signal.aborted).toBe(true);
  });

  it('gives its reason right after a blocked event loop', () => {
    expect(afterBlock().signal.reason).toBeInstanceOf(LeaseLostError);
  });

  it('throws its reason right after a blocked event loop', () => {
    const { signal } = afterBlock();
    expect(() => signal.throwIfAborted()).toThrow(LeaseLostError);
  });

  it('is as right as `assertHeld` and `remaining` then', () => {
    expect(() => afterBlock().lease.assertHeld()).toThrow(LeaseLostError);
    expect(afterBlock().lease.remaining()).toBe(0);
  });

  it('takes derived signals and listeners along when it is read', () => {
    const { lease } = afterBlock();
    const derived = AbortSignal.any([lease.signal, new AbortController().signal]);
    expect(derived.aborted).toBe(true);
    expect(derived.reason).toBeInstanceOf(LeaseLostError);
  });

  it('tells listeners and derived signals at the deadline, to the millisecond', async () => {
    const bench = new LockManagerBench({ ttl: 1000 });
    const { signal } = await bench.take();
    const derived = AbortSignal.any([signal]);
    const told: number[] = [];
    const start = bench.clock.monotonic();
    signal.addEventListener('abort', () => told.push(bench.clock.monotonic() - start));
    bench.driver.goDown();
    await bench.clock.advance(987);
    expect([told, derived.aborted]).toEqual([[], false]);
    await bench.clock.advance(1);
    expect(told).toEqual([988]);
    expect(derived.aborted).toBe(true);
    expect(derived.reason).toBeInstanceOf(LeaseLostError);
  });

  it('aborts by itself in real time, not before the deadline and soon after it', async () => {
    const driver = new ScriptedDriver();
    const manager = new LockManager(
      { agentId: '1', prefix: '', memberId: '1', ttl: 60, heartbeat: 20, blocking: true, fencing: false },
      {
        driver,
        clock: systemClock,
        events: new CoordinatorEmitter(() => undefined),
        log: { debug: () => undefined, info: () => undefined, warn: () => undefined },
      },
    );
    const waitLimit = manager.waitLimit(true);
    const lease = await manager.acquire({
      name: 'a',
      ttl: 60,
      fencing: false,
      fair: false,
      label: '',
      waitLimit,
    });
    if (!(lease instanceof HeldLease)) throw new Error('not acquired');
    driver.goDown();
    const aborted = new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    // A background timer does not keep this process alive by itself.
    const alive = setTimeout(() => undefined, 60_000);
    await aborted;
    clearTimeout(alive);
    const late = performance.now() - lease.monotonicDeadline;
    // It ends by whichever clock is first, and the wall clock counts in whole ms.
    expect(late).toBeGreaterThan(-1);
    expect(late).toBeLessThan(10_000);
  });

  it('is aborted before those are told who listen for lost leases', () => {
    let seen: boolean | undefined;
    const told: LeaseKeeper = { ...keeper, onLost: () => (seen = lease.signal.aborted) };
    const deadline = Deadline.ofLease(new FakeClock(), 1000);
    const lease: HeldLease = new HeldLease('lock', GRANT, 1000, deadline, told);
    expect(lease.signal.aborted).toBe(false);
    lease.lose({ reason: 'broken', message: 'for a test' });
    expect(seen).toBe(true);
  });

  it('is aborted when it is asked for after the loss', async () => {
    const lease = await new LockManagerBench().take();
    lease.lose({ reason: 'broken', message: 'for a test' });
    expect(lease.signal.aborted).toBe(true);
    expect(lease.signal.reason).toBeInstanceOf(LeaseLostError);
  });

  it.each(['asked for before', 'asked for after'])('is frozen by the release, when %s it', async (when) => {
    const bench = new LockManagerBench({ ttl: 1000 });
    const lease = await bench.take();
    const early = when === 'asked for before' ? lease.signal : undefined;
    await lease.release();
    const signal = early ?? lease.signal;
    await bench.clock.advance(5000);
    expect(signal.aborted).toBe(false);
    expect(signal.reason).toBeUndefined();
    signal.throwIfAborted();
  });

  it('is frozen while the release is under way', async () => {
    const bench = new LockManagerBench({ ttl: 1000 });
    const lease = await bench.take();
    const late = bench.driver.delay('release');
    const releasing = lease.release();
    await bench.clock.advance(5000);
    expect(lease.signal.aborted).toBe(false);
    late.answer();
    expect(await releasing).toBe(true);
  });

  it('aborts at the first look after the machine was suspended', async () => {
    const bench = new LockManagerBench({ ttl: 1000 });
    const { signal } = await bench.take();
    bench.clock.stepWall(60_000);
    expect(signal.aborted).toBe(true);
    bench.clock.stepWall(-60_000);
    expect(signal.aborted).toBe(true);
  });
});
