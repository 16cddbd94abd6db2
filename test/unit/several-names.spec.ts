import { describe, expect, it } from 'vitest';
import { LeaseLostError, LockAcquireFailedError, LockNameError } from '../../lib/errors.js';
import { Lock, type LockOptions } from '../../lib/lock/index.js';
import { FIRST_ROUND_LIMIT } from '../../lib/lock/several/index.js';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';

function benchOf(names: readonly string[] = ['b', 'a'], options: LockOptions = {}) {
  const made = new LockManagerBench({ ttl: 10_000 });
  const { clock, driver } = made;
  const asked = (operation: string) =>
    driver.calls.filter((call) => call.operation === operation).map(({ name }) => name);
  return { made, clock, driver, asked, lock: new Lock(names, {}, made, options) };
}

describe('a lock of several names', () => {
  it('takes them in the order of their keys, whatever the order in which they are given', async () => {
    const { lock, asked } = benchOf(['b', 'ä', 'a', 'z']);
    await lock.hold();
    expect(asked('acquire')).toEqual(['a', 'b', 'z', 'ä']);
  });

  it('takes names with one key once', async () => {
    const { lock, driver, asked } = benchOf(['B', 'a', 'b'], { fencing: true });
    driver.locks.keyOf = (name) => name.toLowerCase();
    const lease = await lock.hold();
    expect(asked('acquire')).toEqual(['a', 'B']);
    expect(lease.fencingTokenOf('b')).toBe(lease.fencingTokenOf('B'));
  });

  it('makes each key once, however often it tries', async () => {
    const { lock, driver, clock } = benchOf(['a', 'b']);
    const made: string[] = [];
    driver.locks.keyOf = (name) => {
      made.push(name);
      return name;
    };
    driver.takeAway('b');
    const holding = outcomeOf(lock.hold());
    await clock.advance(10 * FIRST_ROUND_LIMIT);
    expect(driver.count('acquire')).toBeGreaterThan(3);
    driver.free('b');
    await clock.advance(1000);
    expect(holding.state).toBe('resolved');
    expect(made.toSorted()).toEqual(['a', 'b']);
  });

  it('has the names that were given, each once', () => {
    const { lock, made } = benchOf(['b', 'a', 'b']);
    expect([lock.name, lock.names]).toEqual(['b + a', ['b', 'a']]);
    expect(new Lock('<x>', { x: 1 }, made).names).toEqual(['1']);
    expect(new Lock(['s-<x>', 's-<y>'], { x: 1, y: 1 }, made)).toMatchObject({ name: 's-1', names: ['s-1'] });
    expect(() => new Lock([], {}, made)).toThrow(LockNameError);
  });

  it('gives a lease with a fencing token for each', async () => {
    const { lock } = benchOf(['b', 'a'], { fencing: true });
    const lease = await lock.hold();
    expect(lease.fencingToken).toBeUndefined();
    expect(lease.fencingTokenOf('a')).toBeLessThan(lease.fencingTokenOf('b')!);
    expect(() => lease.fencingTokenOf('c')).toThrow('fencingTokenOf("c")');
  });

  it('ends with the first of its leases, and gives them all back', async () => {
    const { lock, made, clock, driver, asked } = benchOf();
    const late = driver.delay('acquire');
    const holding = lock.hold();
    const begin = clock.wall();
    await clock.advance(200);
    late.answer();
    const lease = await holding;
    expect(lease.deadline).toBe(begin + 9898);
    expect(lease.remaining()).toBe(9698);
    expect(await lease.release()).toBe(true);
    expect(asked('release').sort()).toEqual(['a', 'b']);
    expect(made.manager.usage).toEqual({ held: 0, waiting: 0 });
    expect(lock.acquired).toBe(false);
  });

  it('holds none when one is taken, and says which', async () => {
    const { lock, made, driver } = benchOf();
    driver.takeAway('b');
    await expect(lock.hold({ blocking: false })).rejects.toThrow(
      /^Lock "b \+ a": member member-1 did not get "b" at once, another holder has it/,
    );
    expect([...driver.holders.keys()]).toEqual(['b']);
    expect(made.manager.usage).toEqual({ held: 0, waiting: 0 });
    expect(await lock.acquire(false)).toBe(false);
    driver.free('b');
    expect(await lock.acquire(false)).toBe(true);
  });

  it('holds none when the back end fails on the way', async () => {
    const { lock, driver, clock, made } = benchOf();
    const late = driver.delay('acquire');
    const failing = driver.delay('acquire');
    const holding = outcomeOf(lock.hold({ blocking: false }));
    late.answer();
    await clock.advance(0);
    failing.fail(new Error('no such thing'));
    await clock.advance(0);
    expect(holding).toMatchObject({ state: 'rejected', error: { message: 'no such thing' } });
    expect([driver.holders.size, made.manager.usage.held]).toEqual([0, 0]);
  });

  it('has one time limit for all of them', async () => {
    const { lock, driver, clock } = benchOf();
    driver.takeAway('a');
    driver.takeAway('b');
    const holding = outcomeOf(lock.hold({ blocking: 400 }));
    await clock.advance(300);
    driver.free('a');
    await clock.advance(99);
    expect(holding.state).toBe('pending');
    await clock.advance(1);
    expect(holding.error).toBeInstanceOf(LockAcquireFailedError);
    expect(driver.holders.has('a')).toBe(false);
  });

  it('rejects with the reason of a signal, holding none', async () => {
    const { lock, driver, clock } = benchOf();
    driver.takeAway('b');
    const leaving = new AbortController();
    const holding = outcomeOf(lock.hold({ signal: leaving.signal }));
    await clock.advance(10);
    leaving.abort(new Error('left'));
    await clock.advance(0);
    expect(holding.error).toEqual(new Error('left'));
    expect([...driver.holders.keys()]).toEqual(['b']);
  });
});

describe('a call that waits for one of several locks', () => {
  it('keeps the others for a bounded time, and its place', async () => {
    const { lock, driver, clock } = benchOf();
    driver.takeAway('b');
    const holding = outcomeOf(lock.hold());
    await clock.advance(FIRST_ROUND_LIMIT - 1);
    expect(driver.holders.has('a')).toBe(true);
    await clock.advance(1);
    expect(driver.holders.has('a')).toBe(false);
    expect(holding.state).toBe('pending');
    driver.free('b');
    await clock.advance(0);
    expect(holding.state).toBe('resolved');
    expect([...driver.holders.keys()].sort()).toEqual(['a', 'b']);
  });

  it('waits for an earlier one with nothing, when that was taken meanwhile', async () => {
    const { lock, driver, clock, made } = benchOf();
    driver.takeAway('b');
    const holding = outcomeOf(lock.hold());
    await clock.advance(FIRST_ROUND_LIMIT);
    const other = await made.take({ name: 'a' });
    driver.free('b');
    await clock.advance(0);
    expect(driver.holders.has('b')).toBe(false);
    expect(holding.state).toBe('pending');
    await other.release();
    await clock.advance(0);
    expect(holding.state).toBe('resolved');
  });

  it('keeps nothing for its minHold', async () => {
    const { lock, driver, clock } = benchOf(['b', 'a'], { minHold: 60_000 });
    driver.takeAway('b');
    const holding = outcomeOf(lock.hold({ blocking: 2000 }));
    await clock.advance(2000);
    expect(holding.state).toBe('rejected');
    expect(driver.calls.filter(({ keepFor }) => keepFor !== undefined)).toEqual([]);
  });

  it('tries an earlier one again that it has lost', async () => {
    const { lock, driver, clock } = benchOf();
    driver.takeAway('b');
    const holding = outcomeOf(lock.hold());
    await clock.advance(10);
    driver.goDown();
    clock.block(9900);
    driver.comeUp();
    driver.free('b');
    driver.free('a');
    await clock.advance(0);
    await clock.advance(1000);
    expect(holding.state).toBe('resolved');
    expect([...driver.holders.keys()].sort()).toEqual(['a', 'b']);
  });
});

describe('a lease on several locks', () => {
  it('is lost as a whole with one of them, and gives the rest back when its work has ended', async () => {
    const { lock, made, clock, driver, asked } = benchOf();
    let lost: unknown;
    let end = (): void => undefined;
    const work = outcomeOf(
      lock.using(async ({ signal }) => {
        signal.addEventListener('abort', () => (lost = signal.reason));
        await new Promise<void>((resolve) => (end = resolve));
      }),
    );
    await clock.advance(0);
    driver.takeAway('b');
    await clock.advance(3400);
    expect(lost).toBeInstanceOf(LeaseLostError);
    expect(lost).toMatchObject({
      reason: 'taken-over',
      message: expect.stringContaining('that of "b" was lost (taken-over)'),
    });
    expect(made.seen('lease.lost')).toBe(2);
    const renewals = driver.count('renew');
    await clock.advance(20_000);
    expect(driver.count('renew')).toBe(renewals);
    expect(driver.holders.get('a')?.id).toBe('grant-1');
    end();
    await clock.advance(0);
    expect(work.error).toBe(lost);
    expect(asked('release').sort()).toEqual(['a', 'b']);
    expect(driver.holders.has('a')).toBe(false);
    expect(lock.acquired).toBe(false);
  });

  it('is not that of its owner any more when one of them is not', async () => {
    const { lock, driver } = benchOf();
    await lock.hold();
    expect(await lock.isStillOwner()).toBe(true);
    driver.takeAway('a');
    expect(await lock.isStillOwner()).toBe(false);
  });

  it('is broken with all of them', async () => {
    const { lock, driver, made } = benchOf();
    const lease = await lock.hold();
    expect(await new Lock(['a', 'b', 'c'], {}, made).break()).toBe(true);
    expect(lease.signal.aborted).toBe(true);
    expect(driver.holders.size).toBe(0);
  });

  it('tells that a release was not confirmed, and gives the others back', async () => {
    const { lock, driver } = benchOf();
    const lease = await lock.hold();
    driver.answer('release', new Error('no answer'));
    await expect(lease.release()).rejects.toThrow('no answer');
    expect([...driver.holders.keys()]).toEqual(['a']);
  });

  it('occupies its handle', async () => {
    const { lock, clock } = benchOf();
    const first = await lock.hold();
    const second = outcomeOf(lock.hold());
    expect(await lock.acquire(false)).toBe(false);
    await clock.advance(1000);
    expect(second.state).toBe('pending');
    await first.release();
    await clock.advance(0);
    expect(second.state).toBe('resolved');
  });
});
