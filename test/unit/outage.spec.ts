import { describe, expect, it } from 'vitest';
import { BackendUnavailableError } from '../../lib/errors.js';
import { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';

describe('a back end that is down', () => {
  it.each([false, 0])('fails a single try at once (blocking %s)', async (blocking) => {
    const bench = new LockManagerBench();
    bench.driver.goDown();
    await expect(bench.acquire({ blocking })).rejects.toBeInstanceOf(BackendUnavailableError);
    expect(bench.driver.count('acquire')).toBe(1);
  });

  it('fails a call that waits n ms after n ms', async () => {
    const bench = new LockManagerBench();
    bench.driver.goDown();
    const outcome = outcomeOf(bench.acquire({ blocking: 500 }));
    await bench.clock.advance(499);
    expect(outcome.state).toBe('pending');
    await bench.clock.advance(1);
    expect(outcome.error).toBeInstanceOf(BackendUnavailableError);
  });

  it('fails a call that waits for ever after one ttl', async () => {
    const bench = new LockManagerBench({ ttl: 5000 });
    bench.driver.goDown();
    const outcome = outcomeOf(bench.acquire());
    await bench.clock.advance(4999);
    expect(outcome.state).toBe('pending');
    await bench.clock.advance(1000);
    expect(outcome.error).toBeInstanceOf(BackendUnavailableError);
    expect(bench.clock.timers).toBe(0);
  });

  it('is counted anew for who comes when nobody has waited any more', async () => {
    const bench = new LockManagerBench({ ttl: 5000 });
    bench.driver.goDown();
    const before = outcomeOf(bench.acquire());
    await bench.clock.advance(6000);
    expect(before.error).toBeInstanceOf(BackendUnavailableError);
    await bench.clock.advance(60_000);
    const outcome = outcomeOf(bench.acquire());
    await bench.clock.advance(4999);
    expect(outcome.state).toBe('pending');
    await bench.clock.advance(1000);
    expect(outcome.error).toBeInstanceOf(BackendUnavailableError);
  });

  it('is waited for beyond one ttl when it tells when it will grant again', async () => {
    const bench = new LockManagerBench({ ttl: 1000 });
    bench.driver.outage = new BackendUnavailableError('sits out a restart', { endsIn: 5000 });
    const outcome = outcomeOf(bench.acquire());
    await bench.clock.advance(4000);
    expect(outcome.state).toBe('pending');
    // Then it goes away for good: one ttl counts from there.
    bench.driver.goDown();
    await bench.clock.advance(900);
    expect(outcome.state).toBe('pending');
    await bench.clock.advance(1200);
    expect(outcome.error).toBeInstanceOf(BackendUnavailableError);
  });

  it('is tried again at most once a second, and soon at first', async () => {
    const bench = new LockManagerBench({ ttl: 60_000 });
    bench.driver.goDown();
    const outcome = outcomeOf(bench.acquire());
    await bench.clock.advance(50);
    expect(bench.driver.count('acquire')).toBe(2);
    await bench.clock.advance(50_000);
    expect(bench.driver.count('acquire')).toBeLessThan(60);
    bench.driver.comeUp();
    await bench.clock.advance(1000);
    expect(outcome.value).toBeInstanceOf(HeldLease);
  });

  it('is waited out when it is up again within one ttl, again and again', async () => {
    const bench = new LockManagerBench({ ttl: 5000 });
    bench.driver.takeAway('lock');
    const outcome = outcomeOf(bench.acquire());
    for (let round = 0; round < 5; round += 1) {
      bench.driver.goDown();
      await bench.clock.advance(3000);
      bench.driver.comeUp();
      await bench.clock.advance(1000);
    }
    expect(outcome.state).toBe('pending');
    bench.driver.free('lock');
    await bench.clock.advance(0);
    expect(outcome.value).toBeInstanceOf(HeldLease);
  });

  it('fails all of a long line after one ttl, not one after the other', async () => {
    const bench = new LockManagerBench({ ttl: 5000 });
    bench.driver.goDown();
    const outcomes = Array.from({ length: 20 }, () => outcomeOf(bench.acquire()));
    await bench.clock.advance(6000);
    expect(outcomes.map(({ error }) => error instanceof BackendUnavailableError)).toEqual(
      outcomes.map(() => true),
    );
  });

  it('is also the reason of those who gave up in line, or found the line occupied', async () => {
    const bench = new LockManagerBench();
    bench.driver.goDown();
    const front = outcomeOf(bench.acquire());
    const behind = outcomeOf(bench.acquire({ blocking: 300 }));
    await bench.clock.advance(300);
    expect(behind.error).toBeInstanceOf(BackendUnavailableError);
    await expect(bench.acquire({ blocking: false })).rejects.toBeInstanceOf(BackendUnavailableError);
    bench.driver.comeUp();
    bench.driver.takeAway('lock');
    await bench.clock.advance(1000);
    expect(front.state).toBe('pending');
    expect(await bench.acquire({ blocking: false })).toEqual({});
  });

  it('is no reason any more once the lock was taken', async () => {
    const bench = new LockManagerBench({ ttl: 5000 });
    bench.driver.goDown();
    const taking = outcomeOf(bench.take());
    await bench.clock.advance(0);
    bench.driver.comeUp();
    await bench.clock.advance(1000);
    expect(taking.state).toBe('resolved');
    expect(await bench.acquire({ blocking: false })).toEqual({});
    const patient = outcomeOf(bench.acquire());
    await bench.clock.advance(10_000);
    await taking.value?.release();
    bench.driver.goDown();
    await bench.clock.advance(4000);
    // Counted from now: the outage before was another one.
    expect(patient.state).toBe('pending');
  });

  it('gives way to the reason of a signal that aborts', async () => {
    const bench = new LockManagerBench();
    bench.driver.goDown();
    const controller = new AbortController();
    const outcome = outcomeOf(bench.acquire({ signal: controller.signal }));
    await bench.clock.advance(100);
    controller.abort(new Error('had enough'));
    await bench.clock.advance(0);
    expect((outcome.error as Error).message).toBe('had enough');
  });

  it('does not keep a stop from ending', async () => {
    const bench = new LockManagerBench();
    await bench.manager.start();
    await bench.take();
    bench.driver.goDown();
    const stopping = outcomeOf(bench.manager.stop(1000));
    await bench.clock.advance(1000);
    expect(stopping.state).toBe('resolved');
    expect(bench.warnings.join()).toContain('presence of member member-1 was not withdrawn');
  });
});
