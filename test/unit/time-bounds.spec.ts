import { describe, expect, it } from 'vitest';
import type { Granted } from '../../lib/drivers/driver.js';
import { InvalidOptionsError, LeaseLostError } from '../../lib/errors.js';
import { Lock, type LockOptions } from '../../lib/lock/index.js';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';

function benchOf(options: LockOptions, leasesExpire = true) {
  const made = new LockManagerBench({ ttl: 1000, heartbeat: 400 }, leasesExpire);
  const lock = new Lock('lock', {}, made, options);
  const releases = () => made.driver.calls.filter(({ operation }) => operation === 'release');
  return { made, lock, clock: made.clock, driver: made.driver, releases };
}

describe('minHold', () => {
  it('keeps the lock that is given back sooner for the rest of that time', async () => {
    const { lock, clock, releases } = benchOf({ minHold: '5s' });
    const lease = await lock.hold();
    await clock.advance(1500);
    expect(await lease.release()).toBe(true);
    expect(releases()).toMatchObject([{ keepFor: 3500 }]);
  });

  it('does nothing to a lock that is given back later', async () => {
    const { lock, clock, releases } = benchOf({ minHold: 5000 });
    const lease = await lock.hold();
    await clock.advance(5000);
    await lease.release();
    expect(releases()[0]).not.toHaveProperty('keepFor');
  });

  it('has the back end keep the lock so long, though its holder be heard of no more', async () => {
    const { lock, clock, driver } = benchOf({ minHold: 5000 });
    await lock.hold();
    await clock.advance(6000);
    const validities = driver.calls.filter(({ ttl }) => ttl !== undefined).map(({ ttl }) => ttl);
    expect(validities.slice(0, 3)).toEqual([5000, 4600, 4200]);
    expect(validities.at(-1)).toBe(1000);
  });

  it('leaves the deadline of the holder where its ttl has it', async () => {
    const { lock, clock } = benchOf({ minHold: 5000 });
    const lease = await lock.hold();
    expect(lease.deadline).toBe(clock.wall() + 988);
  });

  it('does not hand the lock on in its process meanwhile', async () => {
    const { lock, made, clock, driver } = benchOf({ minHold: 5000 });
    const lease = await lock.hold();
    const next = outcomeOf(made.take());
    await clock.advance(1);
    driver.delay('acquire');
    await lease.release();
    await clock.advance(10);
    expect(next.state).toBe('pending');
    expect(driver.count('acquire')).toBe(2);
  });

  it('is asked of a grant that a lease before has handed on', async () => {
    const { lock, made, clock, driver } = benchOf({ minHold: 5000 });
    const plain = await made.take();
    const next = lock.hold();
    await clock.advance(1);
    await plain.release();
    await next;
    expect(driver.calls.findLast(({ operation }) => operation === 'acquire')).toMatchObject({ ttl: 5000 });
  });
});

describe('maxHold', () => {
  it('ends the lease, and frees the lock, though it is renewed', async () => {
    const { lock, clock, made, releases } = benchOf({ maxHold: 3000 });
    const lease = await lock.hold();
    const { signal } = lease;
    await clock.advance(2999);
    expect(lease.remaining()).toBe(1);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(signal.reason).toBeInstanceOf(LeaseLostError);
    expect(signal.reason).toMatchObject({ reason: 'max-hold' });
    expect(made.warnings).toEqual([expect.stringContaining('it was held for its maxHold of 3000 ms')]);
    expect(releases()).toHaveLength(1);
    expect(made.driver.holders.has('lock')).toBe(false);
  });

  it('is the deadline once it is sooner than that of the ttl', async () => {
    const { lock, clock } = benchOf({ maxHold: 500 });
    const begin = clock.wall();
    const lease = await lock.hold();
    expect(lease.deadline).toBe(begin + 500);
    clock.block(500);
    expect(lease.signal.aborted).toBe(true);
  });

  it('is not renewed past it', async () => {
    const { lock, clock, driver } = benchOf({ maxHold: 1000 });
    await lock.hold();
    await clock.advance(10_000);
    expect(driver.count('renew')).toBe(2);
  });

  it('ends a lease also where leases last as long as their process', async () => {
    const { lock, clock, driver } = benchOf({ maxHold: 3000 }, false);
    const lease = await lock.hold();
    await clock.advance(3000);
    expect(() => lease.assertHeld()).toThrow('maxHold');
    expect(driver.holders.has('lock')).toBe(false);
  });

  it('says nothing of a lease that was given back before', async () => {
    const { lock, clock, made } = benchOf({ maxHold: 3000 });
    await (await lock.hold()).release();
    await clock.advance(5000);
    expect(made.warnings).toEqual([]);
  });

  it('lets the next caller of this process in', async () => {
    const { lock, clock, made } = benchOf({ maxHold: 3000 });
    await lock.hold();
    const next = outcomeOf(made.take());
    await clock.advance(2999);
    expect(next.state).toBe('pending');
    await clock.advance(1);
    expect(next.state).toBe('resolved');
  });
});

describe('lockDelay', () => {
  it('is added to what the back end keeps, and not to the deadline of the holder', async () => {
    const { lock, clock, driver } = benchOf({ lockDelay: '2s' });
    const lease = await lock.hold();
    expect(lease.deadline).toBe(clock.wall() + 988);
    await clock.advance(400);
    expect(driver.calls.filter(({ ttl }) => ttl !== undefined)).toMatchObject([
      { operation: 'acquire', ttl: 3000 },
      { operation: 'renew', ttl: 3000 },
    ]);
    expect(lease.deadline).toBe(clock.wall() + 988);
  });

  it('costs nothing when the lock is given back', async () => {
    const { lock, clock, releases } = benchOf({ lockDelay: 2000 });
    const lease = await lock.hold();
    await clock.advance(300);
    await lease.release();
    expect(releases()[0]).not.toHaveProperty('keepFor');
  });

  it('goes on for the rest when a lost lease is given back late', async () => {
    const { lock, clock, driver, releases } = benchOf({ lockDelay: 2000 });
    const lease = await lock.hold();
    driver.goDown();
    await clock.advance(988 + 500);
    driver.comeUp();
    expect(await lease.release()).toBe(false);
    expect(releases()).toMatchObject([{ keepFor: 1500 }]);
  });

  it('begins when maxHold has ended the lease', async () => {
    const { lock, clock, releases } = benchOf({ maxHold: 3000, lockDelay: 2000 });
    await lock.hold();
    await clock.advance(3000);
    expect(releases()).toMatchObject([{ keepFor: 2000 }]);
  });

  it('does not begin under a grant that the back end keeps for less, as it does for a waiter', async () => {
    const { lock, clock, driver } = benchOf({ lockDelay: 2000 });
    const { holders } = driver;
    const request = {
      name: 'lock',
      key: 'lock',
      ttl: 0,
      tokens: 0,
      mode: 'exclusive',
      memberId: 'm',
    } as const;
    holders.set('lock', { id: 'brief', request: { ...request, onRevoked: () => undefined } });
    const term = { since: { monotonic: clock.monotonic(), wall: clock.wall() }, ms: 200 };
    const brief: Granted = { granted: true, grant: { name: 'lock', key: 'lock', id: 'brief', term } };
    driver.answer('acquire', brief);
    const renewal = driver.delay('renew');
    const holding = outcomeOf(lock.hold());
    await clock.advance(10);
    expect(holding.state).toBe('pending');
    renewal.answer();
    await clock.advance(0);
    expect(holding.state).toBe('resolved');
    expect(driver.calls.at(-1)).toMatchObject({ operation: 'renew', ttl: 3000 });
  });

  it('shares renewals with no lease that is to be kept for another time', async () => {
    const { lock, clock, made, driver } = benchOf({ lockDelay: 2000 });
    await lock.hold();
    await made.take({ name: 'plain' });
    await clock.advance(400);
    const renewals = driver.calls.filter(({ operation }) => operation === 'renew');
    expect(renewals).toMatchObject([
      { name: 'lock', ttl: 3000 },
      { name: 'plain', ttl: 1000 },
    ]);
  });
});

describe('the bounds of a lock', () => {
  it.each([
    [{ minHold: 2 ** 31 }, 'minHold must be at most 2147483647 ms (24 days), got 2147483648'],
    [{ lockDelay: '1000000y' }, "lockDelay must be at most 2147483647 ms (24 days), got '1000000y'"],
    [{ minHold: -1 }, 'minHold must be a number of ms, 0 or more, got -1'],
    [{ maxHold: 0 }, 'maxHold must be a number of ms above 0, got 0'],
    [
      { lockDelay: 'soon' },
      "lockDelay must be a number of ms, 0 or more, got 'soon'; as text write '30s' or '5m'",
    ],
    [{ minHold: '5s', maxHold: 1000 }, "minHold must not be above maxHold, got '5s' and 1000"],
  ])('are checked: %o', (options, problem) => {
    expect(() => benchOf(options)).toThrow(new InvalidOptionsError(`Lock "lock": ${problem}`));
  });
});
