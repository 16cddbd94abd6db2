import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { currentLease, LeaseLostError, LockAcquireFailedError, NotLockedError } from '../../lib/index.js';
import { Lock, type LockOptions } from '../../lib/lock/index.js';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';

const REENTRANT = { reentrant: true };

describe('a re-entrant call', () => {
  let made: LockManagerBench;
  const lockOf = (options: LockOptions = {}, name: string | readonly string[] = 'lock') =>
    new Lock(name, {}, made, options);

  beforeEach(() => {
    made = new LockManagerBench({ ttl: 1000, heartbeat: 400 });
  });
  afterEach(() => expect(made.manager.usage.held).toBe(0));

  it('enters the lock that its caller holds, without a command, and frees nothing', async () => {
    await lockOf({ fencing: true }).using(async (outer) => {
      await lockOf(REENTRANT).using(async (inner) => {
        expect(made.driver.calls).toHaveLength(1);
        expect(currentLease()).toBe(inner);
        expect([inner.name, inner.fencingToken, inner.deadline]).toEqual([
          outer.name,
          outer.fencingToken,
          outer.deadline,
        ]);
        expect(inner.fencingTokenOf('lock')).toBe(outer.fencingToken);
        expect(inner.signal).toBe(outer.signal);
        expect(inner.remaining()).toBe(outer.remaining());
        inner.assertHeld();
      });
      expect(made.driver.calls).toHaveLength(1);
      outer.assertHeld();
    });
    expect(made.driver.count('release')).toBe(1);
    expect(made.warnings).toEqual([]);
  });

  it('enters from within itself, by the very same handle', async () => {
    const lock = lockOf(REENTRANT);
    const depth = async (left: number): Promise<number> =>
      left === 0 ? 0 : 1 + (await lock.using(() => depth(left - 1)));
    expect(await depth(5)).toBe(5);
    expect(made.driver.count('acquire')).toBe(1);
  });

  it('shares the lock with those that its caller started beside it', async () => {
    const inside: string[] = [];
    await lockOf().using(async () => {
      const sibling = (name: string) =>
        lockOf(REENTRANT).using(async () => {
          inside.push(`${name} in`);
          await Promise.resolve();
          inside.push(`${name} out`);
        });
      await Promise.all([sibling('a'), sibling('b')]);
    });
    expect(inside).toEqual(['a in', 'b in', 'a out', 'b out']);
  });

  it('takes the lock as any other one outside of its holder, and where another one holds it', async () => {
    await lockOf(REENTRANT).using(async () => undefined);
    expect(made.driver.count('acquire')).toBe(1);
    const lease = await made.take();
    await expect(lockOf(REENTRANT).hold({ blocking: false })).rejects.toThrow(LockAcquireFailedError);
    await lease.release();
  });

  it('is lost with the lease of its caller', async () => {
    const work = lockOf().using(async (outer) => {
      await lockOf(REENTRANT).using(async (inner) => {
        made.driver.takeAway('lock');
        await made.clock.advance(400);
        expect(inner.signal.aborted).toBe(true);
        expect(() => inner.assertHeld()).toThrow(LeaseLostError);
        expect(() => outer.assertHeld()).toThrow(LeaseLostError);
        await expect(lockOf(REENTRANT).hold()).rejects.toThrow(LeaseLostError);
      });
    });
    await expect(work).rejects.toMatchObject({ reason: 'taken-over' });
    expect(made.seen('lease.lost')).toBe(1);
  });

  it('is refused from work that has outlived the lease, by a clear error', async () => {
    let late: Promise<unknown> | undefined;
    let goOn = (): void => undefined;
    await lockOf().using(function outerBody() {
      const later = new Promise<void>((resolve) => (goOn = resolve));
      late = later.then(() => lockOf(REENTRANT).using(function innerBody() {}));
    });
    goOn();
    await expect(late).rejects.toThrow(
      new NotLockedError(
        'Lock "lock": innerBody would enter it from work that has outlived the lease of outerBody; await that work there, or start it outside of the lock',
      ),
    );
    expect(made.driver.count('acquire')).toBe(1);
  });

  it('fails when its caller has ended before it did', async () => {
    let late: ReturnType<typeof outcomeOf> | undefined;
    let goOn = (): void => undefined;
    await lockOf().using(async function outerBody() {
      late = outcomeOf(
        lockOf(REENTRANT).using(async (inner) => {
          await new Promise<void>((resolve) => (goOn = resolve));
          inner.assertHeld();
        }),
      );
      await made.clock.advance(0);
    });
    goOn();
    await made.clock.advance(0);
    expect(late?.error).toBeInstanceOf(LeaseLostError);
    expect(late?.error).toMatchObject({
      reason: 'released',
      message: expect.stringContaining('the lease of outerBody, which it had entered, has ended before'),
    });
    expect(made.warnings).toHaveLength(1);
  });

  it('by acquire is carried by a handle of its own, and not by the one outside', async () => {
    const outside = lockOf(REENTRANT);
    await outside.using(async () => {
      await expect(outside.acquire()).rejects.toThrow('this handle carries a lease already');
      const inside = lockOf(REENTRANT);
      expect(await inside.acquire()).toBe(true);
      expect([inside.acquired, await inside.isStillOwner()]).toEqual([true, true]);
      expect(await inside.release()).toBe(true);
      expect([inside.acquired, outside.acquired]).toEqual([false, true]);
      expect(await inside.acquire()).toBe(true);
      await inside.release();
    });
    expect(made.driver.count('release')).toBe(1);
  });

  it('enters one of the several locks that its caller holds, or all', async () => {
    await lockOf({ fencing: true }, ['b', 'a']).using(async (outer) => {
      await lockOf(REENTRANT, 'a').using((inner) => {
        expect(inner.fencingToken).toBe(outer.fencingTokenOf('a'));
      });
      await lockOf(REENTRANT, ['a', 'b']).using((inner) => {
        expect(inner.fencingTokenOf('b')).toBe(outer.fencingTokenOf('b'));
      });
      expect(made.driver.count('acquire')).toBe(2);
    });
  });

  it('takes those of several locks that its caller does not hold', async () => {
    await lockOf({}, 'a').using(async (outer) => {
      await lockOf(REENTRANT, ['a', 'b']).using((inner) => {
        expect(inner.deadline).toBe(outer.deadline);
        expect([...made.driver.holders.keys()]).toEqual(['a', 'b']);
      });
      expect([...made.driver.holders.keys()]).toEqual(['a']);
    });
  });

  it('of another coordinator is another lock', async () => {
    const another = new LockManagerBench();
    await lockOf().using(() => new Lock('lock', {}, another, REENTRANT).using(() => undefined));
    expect(another.driver.count('acquire')).toBe(1);
  });
});
