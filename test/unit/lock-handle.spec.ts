import type { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { describe, expect, it } from 'vitest';
import { BackendUnavailableError, InvalidOptionsError, LeaseLostError } from '../../lib/errors.js';
import { Lock } from '../../lib/lock/lock.js';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';
import { lockBench } from '../support/lock-bench.js';

describe('a lock', () => {
  it('shows its lease while it holds one', async () => {
    const { lock } = lockBench();
    expect([lock.acquired, lock.lease]).toEqual([false, undefined]);
    expect(await lock.acquire()).toBe(true);
    expect([lock.acquired, lock.lease?.name]).toEqual([true, 'lock']);
    expect(await lock.release()).toBe(true);
    expect([lock.acquired, lock.lease]).toEqual([false, undefined]);
  });

  it('can be acquired and released again and again', async () => {
    const { lock, driver } = lockBench();
    for (let round = 0; round < 3; round += 1) {
      expect(await lock.acquire()).toBe(true);
      expect(await lock.release()).toBe(true);
    }
    expect(driver.holders.size).toBe(0);
  });

  it('is not released when it was never held, nor twice', async () => {
    const { lock, driver } = lockBench();
    expect(await lock.release()).toBe(false);
    expect(driver.calls).toEqual([]);
    await lock.acquire();
    expect(await Promise.all([lock.release(), lock.release()])).toEqual([true, false]);
    expect(await lock.release()).toBe(false);
  });

  it('carries one lease at a time: a single try on a held handle is false', async () => {
    const { lock, driver } = lockBench();
    await lock.acquire();
    expect(await lock.acquire(false)).toBe(false);
    expect(await lock.acquire(0)).toBe(false);
    expect(driver.count('acquire')).toBe(1);
    expect(lock.acquired).toBe(true);
  });

  it('waits on a held handle for its release, first come, first served', async () => {
    const { lock, clock } = lockBench();
    await lock.acquire();
    const order: number[] = [];
    const waiting = [1, 2, 3].map(async (index) => {
      await lock.acquire();
      order.push(index);
      await lock.release();
    });
    await clock.advance(5000);
    expect(order).toEqual([]);
    await lock.release();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
  });

  it('waits on a held handle no longer than asked, and not for an aborted signal', async () => {
    const { lock, clock } = lockBench();
    await lock.acquire();
    const controller = new AbortController();
    const timed = outcomeOf(lock.acquire(300));
    const aborted = outcomeOf(lock.acquire({ signal: controller.signal }));
    await clock.advance(299);
    expect(timed.state).toBe('pending');
    await clock.advance(1);
    expect(timed.value).toBe(false);
    controller.abort(new Error('had enough'));
    await clock.advance(0);
    expect((aborted.error as Error).message).toBe('had enough');
    expect(await lock.release()).toBe(true);
    expect(await lock.acquire(false)).toBe(true);
  });

  it('counts the time in line before the handle as waiting, and tells of it once', async () => {
    const { lock, clock, events } = lockBench();
    await lock.acquire();
    const waiting = lock.acquire();
    await clock.advance(700);
    await lock.release();
    await waiting;
    expect(events.filter(({ name }) => name === 'lease.waiting')).toHaveLength(1);
    expect(events.findLast(({ name }) => name === 'lease.acquired')?.event).toMatchObject({ waited: 700 });
  });

  it('is occupied by a lost lease until release(), which is then false and frees nobody else', async () => {
    const { lock, other, driver, clock } = lockBench({ ttl: 1000 });
    await lock.acquire();
    driver.takeAway('lock');
    await clock.advance(1000);
    expect([lock.acquired, lock.lease]).toEqual([false, undefined]);
    driver.free('lock');
    expect(await lock.acquire(false)).toBe(false);
    expect(await other.acquire()).toBe(true);
    const waiting = outcomeOf(lock.acquire());
    await clock.advance(100);
    expect(await lock.release()).toBe(false);
    await clock.advance(100);
    expect(waiting.state).toBe('pending');
    expect(other.acquired).toBe(true);
    await other.release();
    await clock.advance(0);
    expect(waiting.value).toBe(true);
  });

  it('is free again after a release that was not confirmed', async () => {
    const { lock, driver } = lockBench();
    await lock.acquire();
    driver.goDown();
    await expect(lock.release()).rejects.toBeInstanceOf(BackendUnavailableError);
    expect(await lock.release()).toBe(false);
    driver.comeUp();
    driver.free('lock');
    expect(await lock.acquire(false)).toBe(true);
  });

  it('leaves its handle free when a call fails', async () => {
    const { lock, driver } = lockBench();
    driver.goDown();
    await expect(lock.acquire(false)).rejects.toBeInstanceOf(BackendUnavailableError);
    driver.comeUp();
    expect(await lock.acquire(false)).toBe(true);
  });

  it('asks the back end whether it is still the owner', async () => {
    const { lock, driver } = lockBench();
    expect(await lock.isStillOwner()).toBe(false);
    await lock.acquire();
    expect(await lock.isStillOwner()).toBe(true);
    driver.takeAway('lock');
    expect(await lock.isStillOwner()).toBe(false);
    driver.goDown();
    await expect(lock.isStillOwner()).rejects.toBeInstanceOf(BackendUnavailableError);
  });

  it('is not the owner when the lease ends while the back end is asked', async () => {
    const { lock, driver } = lockBench();
    await lock.acquire();
    const { grant } = lock.lease as HeldLease;
    const late = driver.delay('holders');
    const asking = lock.isStillOwner();
    await lock.release();
    driver.answer('holders', [{ ...grant, holds: 'yes' }]);
    late.answer();
    expect(await asking).toBe(false);
  });

  it('breaks its own lease, which is lost at once', async () => {
    const { lock, made } = lockBench();
    await lock.acquire();
    const { signal } = lock.lease!;
    expect(await lock.break()).toBe(true);
    expect(signal.reason).toBeInstanceOf(LeaseLostError);
    expect(await lock.release()).toBe(false);
    expect(made.warnings).toEqual([expect.stringContaining('the lock was broken')]);
  });

  it('breaks the lease of somebody else, and says when there was none', async () => {
    const { lock, driver } = lockBench();
    driver.takeAway('lock');
    expect(await lock.break()).toBe(true);
    expect(await lock.break()).toBe(false);
    expect(await lock.acquire(false)).toBe(true);
  });

  it('breaks the lease that held the lock, and not the one that came after it', async () => {
    const made = new LockManagerBench({}, false);
    const [first, second] = [new Lock('lock', {}, made), new Lock('lock', {}, made)];
    await first.acquire();
    const waiting = second.acquire();
    await made.clock.advance(0);
    const { driver } = made;
    const revoke = driver.locks.revoke.bind(driver.locks);
    driver.locks.revoke = async (holder) => {
      const broken = await revoke(holder);
      await waiting;
      return broken;
    };
    expect(await first.break()).toBe(true);
    expect([first.acquired, second.acquired]).toEqual([false, true]);
  });

  it('uses its own options unless a call says otherwise', async () => {
    const { made, driver } = lockBench({ blocking: false });
    const lock = new Lock('lock', {}, made, { ttl: 500, blocking: 200 });
    await lock.acquire();
    expect(driver.calls.at(-1)?.ttl).toBe(500);
    await lock.release();
    await lock.acquire({ ttl: 800 });
    expect(driver.calls.at(-1)?.ttl).toBe(800);
    await lock.release();
    driver.takeAway('lock');
    expect(await new Lock('lock', {}, made).acquire()).toBe(false);
    const waiting = outcomeOf(lock.acquire());
    await made.clock.advance(199);
    expect(waiting.state).toBe('pending');
    await made.clock.advance(1);
    expect(waiting.value).toBe(false);
  });

  it.each([
    ['a negative wait', -1],
    ['a wait that is no number', Number.NaN],
    ['a text', 'yes'],
    ['null', null],
    ['a ttl of 0', { ttl: 0 }],
    ['a ttl that is no whole number', { ttl: 10.5 }],
    ['a ttl longer than a timer', { ttl: 2 ** 31 }],
    ['a signal that is none', { signal: {} }],
  ])('refuses %s', async (_, blocking) => {
    const { lock } = lockBench();
    await expect(lock.acquire(blocking as never)).rejects.toThrow(
      /^Lock "lock": (blocking|ttl|signal) must be [^\n]+$/,
    );
    await expect(lock.acquire(blocking as never)).rejects.toBeInstanceOf(InvalidOptionsError);
    expect(await lock.acquire(false)).toBe(true);
  });
});
