import { describe, expect, it } from 'vitest';
import { BackendUnavailableError, LeaseLostError } from '../../lib/errors.js';
import { Lock } from '../../lib/lock/lock.js';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';

describe('stopping', () => {
  it('waits for nothing when nothing is held', async () => {
    const bench = new LockManagerBench();
    await bench.manager.start();
    const stopping = outcomeOf(bench.manager.stop(5000));
    await bench.clock.advance(0);
    expect(stopping.state).toBe('resolved');
    expect(bench.clock.timers).toBe(0);
  });

  it('waits until the last body has ended and its lease is released, and no longer', async () => {
    const bench = new LockManagerBench();
    const lease = await bench.take();
    const { signal } = lease;
    const stopping = outcomeOf(bench.manager.stop(5000));
    await bench.clock.advance(3000);
    expect(stopping.state).toBe('pending');
    expect(await lease.release()).toBe(true);
    await bench.clock.advance(0);
    expect(stopping.state).toBe('resolved');
    expect(signal.aborted).toBe(false);
    expect(bench.clock.timers).toBe(0);
  });

  it('still renews what is held meanwhile', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 300 });
    const lease = await bench.take();
    void bench.manager.stop(5000);
    await bench.clock.advance(4900);
    expect(lease.held).toBe(true);
  });

  it('releases no lease under its running body: it aborts it, and renews it no more', async () => {
    const bench = new LockManagerBench({ ttl: 1000, heartbeat: 300 });
    const lease = await bench.take();
    const { signal } = lease;
    const stopping = outcomeOf(bench.manager.stop(5000));
    await bench.clock.advance(5000);
    expect(stopping.state).toBe('resolved');
    expect(signal.reason).toBeInstanceOf(LeaseLostError);
    expect((signal.reason as Error).message).toContain('stopped while its work was still running');
    expect(bench.driver.count('release')).toBe(0);
    expect(bench.driver.holders.size).toBe(1);
    const renewals = bench.driver.count('renew');
    await bench.clock.advance(60_000);
    expect(bench.driver.count('renew')).toBe(renewals);
    expect(bench.clock.timers).toBe(0);
    expect(await lease.release()).toBe(false);
    expect(bench.driver.holders.size).toBe(0);
  });

  it('waits for the release of a body that has ended in the last moment', async () => {
    const bench = new LockManagerBench();
    const lease = await bench.take();
    const late = bench.driver.delay('release');
    const releasing = lease.release();
    const stopping = outcomeOf(bench.manager.stop(100));
    await bench.clock.advance(500);
    expect(stopping.state).toBe('pending');
    late.answer();
    expect(await releasing).toBe(true);
    await bench.clock.advance(0);
    expect(stopping.state).toBe('resolved');
    expect(lease.signal.aborted).toBe(false);
  });

  it('waits for a try that was left behind, and for what it got to be given back', async () => {
    const bench = new LockManagerBench();
    const late = bench.driver.delay('acquire');
    const outcome = outcomeOf(bench.acquire());
    const stopping = outcomeOf(bench.manager.stop(100));
    await bench.clock.advance(100);
    expect([outcome.state, stopping.state]).toEqual(['rejected', 'pending']);
    late.answer();
    await bench.clock.advance(0);
    expect(stopping.state).toBe('resolved');
    expect(bench.driver.holders.size).toBe(0);
  });

  it('waits for a try that it refuses itself, when nobody gets any time', async () => {
    const bench = new LockManagerBench();
    const late = bench.driver.delay('acquire');
    const outcome = outcomeOf(bench.acquire());
    const stopping = outcomeOf(bench.manager.stop(0));
    await bench.clock.advance(0);
    expect([outcome.state, stopping.state]).toEqual(['rejected', 'pending']);
    late.answer();
    await bench.clock.advance(0);
    expect(stopping.state).toBe('resolved');
    expect(bench.driver.holders.size).toBe(0);
    expect(bench.clock.timers).toBe(0);
  });

  it('refuses who waits after the time given, in every line', async () => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    const held = new Lock('mine', {}, bench);
    await held.acquire();
    const waiting = [bench.acquire(), bench.acquire(), bench.acquire({ name: 'mine' }), held.acquire()];
    const outcomes = waiting.map((promise) => outcomeOf<unknown>(promise));
    const stopping = outcomeOf(bench.manager.stop(1000));
    await bench.clock.advance(999);
    expect(outcomes.map(({ state }) => state)).toEqual(outcomes.map(() => 'pending'));
    await bench.clock.advance(1);
    for (const { error } of outcomes) expect(error).toBeInstanceOf(BackendUnavailableError);
    expect(stopping.state).toBe('resolved');
    expect(bench.driver.watchers).toBe(0);
  });

  it('leaves nothing held that was granted while it ended', async () => {
    for (const turns of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
      const bench = new LockManagerBench();
      const outcome = outcomeOf(bench.take());
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      await bench.manager.stop(0);
      await bench.clock.advance(0);
      if (outcome.state === 'resolved') expect(outcome.value?.signal.aborted).toBe(true);
      else expect([outcome.state, bench.driver.holders.size]).toEqual(['rejected', 0]);
      await bench.clock.advance(60_000);
      expect(bench.driver.count('renew')).toBe(0);
      expect(bench.clock.timers).toBe(0);
    }
  });
});
