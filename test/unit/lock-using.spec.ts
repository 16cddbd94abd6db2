import { AsyncResource } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { LeaseLostError, LockAcquireFailedError } from '../../lib/errors.js';
import { currentLease } from '../../lib/lock/lease/lease-context.js';
import { Lock } from '../../lib/lock/lock.js';
import { runAndFinish } from '../../lib/lock/lease/run-under-lease.js';
import { LockManagerBench } from '../support/lock-manager-bench.js';
import { lockBench } from '../support/lock-bench.js';

describe('hold', () => {
  it('gives a lease that is disposed of', async () => {
    const { lock, driver } = lockBench();
    {
      await using lease = await lock.hold();
      expect(lease.name).toBe('lock');
      expect(driver.holders.size).toBe(1);
    }
    expect(driver.holders.size).toBe(0);
    expect(await lock.acquire(false)).toBe(true);
  });

  it('throws when the lock was not to be had, and says when to try again', async () => {
    const { lock, driver } = lockBench();
    driver.takeAway('lock');
    const error: unknown = await lock.hold({ blocking: false }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LockAcquireFailedError);
    expect(error).toMatchObject({
      retryAfter: 1000,
      message: expect.stringContaining('Lock "lock": member member-1'),
    });
    driver.answer('acquire', { granted: false, remaining: 4200 });
    await expect(lock.hold({ blocking: false })).rejects.toMatchObject({ retryAfter: 4200 });
  });

  it('does not make its lease the current one', async () => {
    const { lock } = lockBench();
    await using lease = await lock.hold();
    expect(currentLease()).toBeUndefined();
    lease.assertHeld();
  });
});

describe('using', () => {
  it('runs the body under the lock and gives its result, with and without options', async () => {
    const { lock, driver, debug } = lockBench();
    const body = (lease: { name: string }): string => `${lease.name} ${driver.holders.size}`;
    expect(await lock.using(body)).toBe('lock 1');
    expect(await lock.using({ ttl: 500 }, async (lease) => body(lease))).toBe('lock 1');
    expect(driver.holders.size).toBe(0);
    expect(driver.calls.filter(({ operation }) => operation === 'acquire').map(({ ttl }) => ttl)).toEqual([
      10_000, 500,
    ]);
    expect(debug[0]).toBe('Lock "lock" acquired by "body"');
  });

  it('does not run the body without the lock', async () => {
    const { lock, driver } = lockBench();
    driver.takeAway('lock');
    await expect(lock.using({ blocking: false }, () => expect.unreachable())).rejects.toBeInstanceOf(
      LockAcquireFailedError,
    );
  });

  const failure = new Error("the body's own");
  it.each([
    ['when all is well', () => undefined],
    ['when the lease was lost', (made: LockManagerBench) => made.clock.block(20_000)],
    ['when somebody else has the lock', (made: LockManagerBench) => made.driver.takeAway('lock')],
    ['when the back end is down', (made: LockManagerBench) => made.driver.goDown()],
  ])('never masks an error of the body: %s', async (_, happens) => {
    const { lock, made } = lockBench();
    const throwing = (): void => {
      happens(made);
      throw failure;
    };
    await expect(lock.using(throwing)).rejects.toBe(failure);
    made.driver.comeUp();
    made.driver.free('lock');
    await expect(lock.using(async () => throwing())).rejects.toBe(failure);
  });

  it('rejects when the lease was lost while the body ran', async () => {
    const { lock, clock } = lockBench();
    await expect(lock.using(() => clock.block(20_000))).rejects.toBeInstanceOf(LeaseLostError);
    expect(await lock.acquire(false)).toBe(true);
  });

  it.each(['throw', 'warn'] as const)(
    'does not run the body when the lease was lost before that, whatever onLost says (%s)',
    async (onLost) => {
      const { made, driver } = lockBench();
      const lease = await made.take();
      made.clock.block(20_000);
      const run = runAndFinish(lease, 'label', () => expect.unreachable(), onLost);
      await expect(run).rejects.toBeInstanceOf(LeaseLostError);
      expect(driver.holders.size).toBe(0);
    },
  );

  it('rejects when the loss is found at the release', async () => {
    const { lock, driver } = lockBench();
    const run = lock.using(() => driver.takeAway('lock'));
    await expect(run).rejects.toThrow('found at release');
    await expect(run).rejects.toBeInstanceOf(LeaseLostError);
  });

  it('keeps the result, and logs it, when the release is not confirmed', async () => {
    const { lock, driver, warnings } = lockBench();
    const result = await lock.using(() => {
      driver.goDown();
      return 7;
    });
    expect(result).toBe(7);
    expect(warnings).toEqual([expect.stringContaining('Lock "lock": the release was not confirmed')]);
  });

  it('does not take a release by the body itself for a loss', async () => {
    const { lock } = lockBench();
    expect(
      await lock.using(async (lease) => {
        await lease.release();
        return 7;
      }),
    ).toBe(7);
  });

  it('makes its lease the current one in the body, and nowhere else', async () => {
    const { lock, made } = lockBench();
    const inner = new Lock('inner', {}, made);
    let afterwards: (() => string | undefined) | undefined;
    const outer = lock.using(async () => {
      expect(currentLease()?.name).toBe('lock');
      await inner.using(async () => {
        await Promise.resolve();
        expect(currentLease()?.name).toBe('inner');
      });
      expect(currentLease()?.name).toBe('lock');
      afterwards = AsyncResource.bind(() => currentLease()?.name);
      expect(afterwards()).toBe('lock');
    });
    const sibling = (async () => {
      const early = currentLease();
      await outer;
      return [early, currentLease()];
    })();
    expect(await sibling).toEqual([undefined, undefined]);
    expect(currentLease()).toBeUndefined();
    expect(afterwards?.()).toBeUndefined();
  });

  it('does not make the lease of an acquire current for the code after it', async () => {
    const { lock } = lockBench();
    await lock.acquire();
    expect(currentLease()).toBeUndefined();
    await lock.release();
  });

  it('warns once of a call that waits for the lock which its own context holds', async () => {
    const { lock, other, clock, warnings } = lockBench();
    const run = lock.using(async function outerBody() {
      const waiting = other
        .using({ blocking: 300 }, function innerBody() {})
        .catch((error: unknown) => error);
      await clock.advance(300);
      expect(await waiting).toBeInstanceOf(LockAcquireFailedError);
    });
    await run;
    expect(warnings).toEqual([
      expect.stringMatching(
        /^Lock "lock": innerBody waits for a lock that outerBody, .* holds; .* for ever if that one awaits it, and otherwise until that one has ended/,
      ),
    ]);
  });

  it('warns of such a call after a second, when it may wait for ever', async () => {
    const { lock, other, clock, warnings } = lockBench();
    await lock.using(async function outerBody() {
      const caller = new AbortController();
      const waiting = other
        .using({ blocking: true, signal: caller.signal }, function innerBody() {})
        .catch((error: unknown) => error);
      await clock.advance(999);
      expect(warnings).toEqual([]);
      await clock.advance(1);
      expect(warnings).toEqual([expect.stringContaining('innerBody waits for a lock that outerBody')]);
      caller.abort();
      await waiting;
    });
  });

  it('does not warn of a call that nobody awaits, and that runs when its caller has ended', async () => {
    const { lock, other, clock, warnings } = lockBench();
    let inner: Promise<string> | undefined;
    await lock.using(async function outerBody() {
      inner = other.using({ blocking: 5000 }, function innerBody() {
        return 'done';
      });
      await clock.advance(900);
    });
    await clock.advance(5000);
    expect(await inner).toBe('done');
    expect(warnings).toEqual([]);
  });

  it('warns once for each pair of functions, however often they meet', async () => {
    const { lock, other, warnings } = lockBench();
    const tried = async (inner: () => void): Promise<void> => {
      await expect(other.using({ blocking: false }, inner)).rejects.toThrow('reentrant: true');
    };
    for (let round = 0; round < 3; round += 1) {
      await lock.using(async function outerBody() {
        await tried(function innerBody() {});
        await tried(function anotherBody() {});
      });
    }
    expect(warnings).toEqual([
      expect.stringContaining('innerBody tries a lock that outerBody'),
      expect.stringContaining('anotherBody tries a lock that outerBody'),
    ]);
  });

  it('says in warning and error that a call which does not wait asks for what its own caller holds', async () => {
    const { lock, other, warnings } = lockBench();
    await lock.using(async function outerBody() {
      const refused = other.using({ blocking: false }, function innerBody() {});
      await expect(refused).rejects.toThrow(
        /^Lock "lock": member \S+ did not get it at once, outerBody, which called it, holds it already; take it once, in the outermost of them, or let this call in with "reentrant: true"/,
      );
    });
    expect(warnings).toEqual([
      expect.stringMatching(
        /^Lock "lock": innerBody tries a lock that outerBody, .* holds; .* before that one ends/,
      ),
    ]);
  });

  it('blames nobody in its own context when it is somebody else who holds the lock', async () => {
    const { lock, other, warnings } = lockBench();
    await lock.acquire();
    await expect(other.using({ blocking: false }, () => undefined)).rejects.toThrow(
      /^Lock "lock": member \S+ did not get it at once, another holder has it;/,
    );
    expect(warnings).toEqual([]);
    await lock.release();
  });
});
