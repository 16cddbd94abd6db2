import { describe, expect, it } from 'vitest';
import { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { MOST_LEASES } from '../../lib/lock/acquire/grant-hand-off.js';
import { LockManagerBench, outcomeOf, type Terms } from '../support/lock-manager-bench.js';

/** Leases of calls that wait behind a first one, in the order in which they come. */
async function line(bench: LockManagerBench, count: number, terms: Terms = {}) {
  const first = await bench.take(terms);
  const others = Array.from({ length: count }, () => outcomeOf(bench.acquire(terms)));
  await bench.clock.advance(0);
  return { first, others };
}

async function next(bench: LockManagerBench, outcome: { value?: unknown }): Promise<HeldLease> {
  await bench.clock.advance(0);
  if (!(outcome.value instanceof HeldLease)) throw new Error('it has no lease');
  return outcome.value;
}

describe('handing a lock on to the next waiter of the process', () => {
  it('asks the back end for nothing', async () => {
    const bench = new LockManagerBench();
    const { first, others } = await line(bench, 3);
    let lease = first;
    for (const other of others) {
      expect(await lease.release()).toBe(true);
      lease = await next(bench, other);
    }
    expect(bench.driver.calls.map(({ operation }) => operation)).toEqual(['acquire']);
    await lease.release();
    expect(bench.driver.calls.map(({ operation }) => operation)).toEqual(['acquire', 'release']);
    expect(bench.driver.holders.size).toBe(0);
    expect(bench.seen('lease.acquired')).toBe(4);
    expect(bench.seen('lease.released')).toBe(4);
  });

  it('makes a lease of its own, with a signal of its own and the deadline that was confirmed', async () => {
    const bench = new LockManagerBench();
    const { first, others } = await line(bench, 1);
    const { deadline, signal } = first;
    await bench.clock.advance(20);
    await first.release();
    const lease = await next(bench, others[0] ?? {});
    expect(lease.deadline).toBe(deadline);
    expect(lease.signal).not.toBe(signal);
    expect(() => first.assertHeld()).toThrow('released');
    lease.assertHeld();
    await bench.clock.advance(3400);
    expect(bench.driver.count('renew')).toBe(1);
    expect(lease.deadline).toBeGreaterThan(deadline);
    expect(await first.release()).toBe(false);
    expect(lease.held).toBe(true);
  });

  it('gives each a fencing token out of those that were reserved', async () => {
    const bench = new LockManagerBench();
    const { first, others } = await line(bench, 2 * MOST_LEASES, { fencing: true });
    const tokens = [first.fencingToken];
    let lease = first;
    for (const other of others) {
      await lease.release();
      lease = await next(bench, other);
      tokens.push(lease.fencingToken);
    }
    expect(tokens).toEqual(tokens.toSorted((a = 0, b = 0) => a - b));
    expect(new Set(tokens).size).toBe(tokens.length);
    expect(bench.driver.count('acquire')).toBe(3);
  });

  it(`ends after ${MOST_LEASES} leases, so that other processes get their turn`, async () => {
    const bench = new LockManagerBench();
    const { first, others } = await line(bench, MOST_LEASES);
    let lease = first;
    for (const other of others) {
      await lease.release();
      lease = await next(bench, other);
    }
    expect(bench.driver.count('release')).toBe(1);
    expect(bench.driver.count('acquire')).toBe(2);
  });

  it('is not done when the lock may be somebody else’s by now, had it been broken since it was asked for', async () => {
    for (const took of [490, 495]) {
      const bench = new LockManagerBench();
      const reply = bench.driver.delay('acquire');
      const first = bench.take();
      await bench.clock.advance(took);
      reply.answer();
      const lease = await first;
      outcomeOf(bench.acquire());
      await bench.clock.advance(0);
      await lease.release();
      expect(bench.driver.count('release'), `after ${took} ms`).toBe(took < 493 ? 0 : 1);
    }
  });

  it('does not begin when the process was stopped before it does', async () => {
    const bench = new LockManagerBench();
    const { first, others } = await line(bench, 1);
    const released = first.release();
    bench.clock.block(495);
    await released;
    await next(bench, others[0] ?? {});
    expect(bench.driver.calls.map(({ operation }) => operation)).toEqual(['acquire', 'release', 'acquire']);
  });

  it('ends with a break of this process, whichever of its leases has the lock by then', async () => {
    const bench = new LockManagerBench();
    const { first, others } = await line(bench, 1);
    const reply = bench.driver.delay('revoke');
    const broken = bench.manager.break('lock');
    await first.release();
    const second = await next(bench, others[0] ?? {});
    reply.answer();
    expect(await broken).toBe(true);
    expect(second.lost?.reason).toBe('broken');
  });

  it('ends after 50 ms', async () => {
    const bench = new LockManagerBench();
    const { first, others } = await line(bench, 2);
    await bench.clock.advance(49);
    await first.release();
    const second = await next(bench, others[0] ?? {});
    await bench.clock.advance(1);
    expect(bench.driver.count('release')).toBe(0);
    await second.release();
    await next(bench, others[1] ?? {});
    expect(bench.driver.count('release')).toBe(1);
  });

  it.each<[string, Terms]>([
    ['another ttl', { ttl: 5000 }],
    ['a fencing token', { fencing: true }],
  ])('does not suit who wants %s', async (_what, terms) => {
    const bench = new LockManagerBench();
    const first = await bench.take();
    const other = outcomeOf(bench.acquire(terms));
    await bench.clock.advance(0);
    await first.release();
    const lease = await next(bench, other);
    expect(bench.driver.calls.map(({ operation }) => operation)).toEqual(['acquire', 'release', 'acquire']);
    expect(lease.ttl).toBe(terms.ttl ?? 10_000);
  });

  it('is not done for fair calls, each of which waits in the order of all processes', async () => {
    const bench = new LockManagerBench();
    const first = await bench.take({ fair: true });
    const others = [outcomeOf(bench.acquire({ fair: true })), outcomeOf(bench.acquire())];
    await bench.clock.advance(0);
    expect(bench.driver.count('watch')).toBe(2);
    await first.release();
    expect(bench.driver.count('release')).toBe(1);
    const second = await next(bench, others[0] ?? {});
    await second.release();
    await next(bench, others[1] ?? {});
  });

  it('is not done with a lease that was lost, or is over', async () => {
    const bench = new LockManagerBench();
    const { first, others } = await line(bench, 1);
    bench.driver.takeAway('lock');
    await bench.clock.advance(3400);
    expect(first.held).toBe(false);
    await first.release();
    await bench.clock.advance(0);
    expect(others[0]?.state).toBe('pending');
    bench.driver.free('lock');
    await next(bench, others[0] ?? {});
  });

  it('gives the lock back when the one who was to have it leaves in that moment', async () => {
    for (let turns = 0; turns < 12; turns += 1) {
      const bench = new LockManagerBench();
      const first = await bench.take();
      const controller = new AbortController();
      const leaving = outcomeOf(bench.acquire({ signal: controller.signal }));
      await bench.clock.advance(0);
      const released = first.release();
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      controller.abort(new Error('had enough'));
      await released;
      await bench.clock.advance(0);
      if (leaving.value instanceof HeldLease) await leaving.value.release();
      expect(bench.driver.holders.size, `after ${turns} turns`).toBe(0);
      expect(await bench.acquire({ blocking: false })).toBeInstanceOf(HeldLease);
    }
  });

  it('ends when the back end takes the lock away, with a lease under it and without', async () => {
    for (const turns of [0, 1, 2, 3, 50]) {
      const bench = new LockManagerBench({}, false);
      const { first, others } = await line(bench, 1);
      const released = first.release();
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
      await bench.driver.break('lock');
      await released;
      const lease = await next(bench, others[0] ?? {});
      // Either it had begun and is lost, or it stands on a grant of its own.
      const held = bench.driver.holders.get('lock')?.id === lease.grant.id;
      expect(lease.held, `after ${turns} turns`).toBe(held);
    }
  });

  it('is over when the coordinator shuts down', async () => {
    const bench = new LockManagerBench();
    const { first, others } = await line(bench, 1);
    bench.manager.drain.finish();
    await first.release();
    await bench.clock.advance(0);
    expect(bench.driver.count('release')).toBe(1);
    expect(others[0]?.state).toBe('rejected');
  });
});
