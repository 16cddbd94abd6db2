import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { BackendUnavailableError } from '../../lib/errors.js';
import { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';

describe('giving up to wait for a lock', () => {
  it('gives up after n ms, not before and not later', async () => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    const inFront = outcomeOf(bench.acquire({ blocking: 500 }));
    const behind = outcomeOf(bench.acquire({ blocking: 700 }));
    await bench.clock.advance(499);
    expect(inFront.state).toBe('pending');
    await bench.clock.advance(1);
    expect(inFront).toMatchObject({ state: 'resolved', value: {} });
    await bench.clock.advance(199);
    expect(behind.state).toBe('pending');
    await bench.clock.advance(1);
    expect(behind).toMatchObject({ state: 'resolved', value: {} });
    expect(bench.driver.watchers).toBe(0);
    expect(bench.clock.timers).toBe(0);
  });

  it('leaves the line at the time-out at once, and the line goes on', async () => {
    const bench = new LockManagerBench();
    const holder = await bench.take();
    const impatient = outcomeOf(bench.acquire({ blocking: 100 }));
    const patient = outcomeOf(bench.acquire());
    await bench.clock.advance(100);
    expect(impatient).toMatchObject({ state: 'resolved', value: {} });
    await holder.release();
    await bench.clock.advance(0);
    expect(patient.value).toBeInstanceOf(HeldLease);
  });

  it('does not cut a try short at the time-out: a grant that comes is kept', async () => {
    const bench = new LockManagerBench();
    const late = bench.driver.delay('acquire');
    const taking = bench.acquire({ blocking: 100 });
    await bench.clock.advance(300);
    late.answer();
    expect(await taking).toBeInstanceOf(HeldLease);
  });

  it.each(['in front', 'behind', 'before a release'])(
    'ends with the reason of the signal when it aborts (%s)',
    async (where) => {
      const bench = new LockManagerBench();
      if (where === 'behind') await bench.take();
      else bench.driver.takeAway('lock');
      const controller = new AbortController();
      const outcome = outcomeOf(bench.acquire({ signal: controller.signal }));
      await bench.clock.advance(10);
      const reason = new Error('had enough');
      controller.abort(reason);
      await bench.clock.advance(0);
      expect(outcome).toMatchObject({ state: 'rejected', error: reason });
      expect(bench.driver.watchers).toBe(0);
    },
  );

  it('does not ask the back end at all for a signal that has aborted before', async () => {
    const bench = new LockManagerBench();
    const reason = { any: 'value' };
    await expect(bench.acquire({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(bench.driver.calls).toEqual([]);
  });

  it('leaves at once in the middle of a try, whose grant is given back before the next one tries', async () => {
    const bench = new LockManagerBench();
    const late = bench.driver.delay('acquire');
    const controller = new AbortController();
    const leaving = outcomeOf(bench.acquire({ signal: controller.signal }));
    const next = outcomeOf(bench.acquire());
    await bench.clock.advance(10);
    controller.abort(new Error('had enough'));
    await bench.clock.advance(0);
    expect(leaving.state).toBe('rejected');
    expect(bench.driver.count('acquire')).toBe(1);
    const lateRelease = bench.driver.delay('release');
    late.answer();
    await bench.clock.advance(0);
    expect(bench.driver.calls.map(({ operation }) => operation)).toEqual(['acquire', 'release']);
    expect(next.state).toBe('pending');
    lateRelease.answer();
    await bench.clock.advance(0);
    expect(next.value).toBeInstanceOf(HeldLease);
  });

  it('goes on for the next one also when the try that was left behind fails', async () => {
    const bench = new LockManagerBench();
    const late = bench.driver.delay('acquire');
    const controller = new AbortController();
    const leaving = outcomeOf(bench.acquire({ signal: controller.signal }));
    const next = outcomeOf(bench.acquire());
    await bench.clock.advance(10);
    controller.abort();
    late.fail(new BackendUnavailableError('down'));
    await bench.clock.advance(0);
    expect([leaving.state, next.state]).toEqual(['rejected', 'resolved']);
  });

  it('gives a grant back that comes in the very turn of the abort', async () => {
    const bench = new LockManagerBench();
    const controller = new AbortController();
    const tryAcquire = bench.driver.locks.acquire.bind(bench.driver.locks);
    bench.driver.locks.acquire = async (request) => {
      const reply = await tryAcquire(request);
      controller.abort(new Error('had enough'));
      return reply;
    };
    await expect(bench.acquire({ signal: controller.signal })).rejects.toThrow('had enough');
    await bench.clock.advance(0);
    expect(bench.driver.holders.size).toBe(0);
  });

  it('and the coordinator can be stopped, with a driver that throws when a grant is given back', async () => {
    const bench = new LockManagerBench();
    const { locks } = bench.driver;
    const acquire = locks.acquire.bind(locks);
    const controller = new AbortController();
    locks.acquire = async (claim) => {
      const reply = await acquire(claim);
      // Between the grant and the lease.
      void Promise.resolve()
        .then(() => undefined)
        .then(() => controller.abort(new Error('had enough')));
      return reply;
    };
    locks.release = () => {
      throw new Error('a mistake of the driver');
    };
    for (let turns = 0; turns < 3; turns += 1) {
      const outcome = outcomeOf(bench.acquire({ name: `lock-${turns}`, signal: controller.signal }));
      await bench.clock.advance(0);
      expect(outcome.state).not.toBe('pending');
    }
    const stopped = outcomeOf(bench.manager.stop(0));
    await bench.clock.advance(0);
    expect(stopped.state).toBe('resolved');
  });

  it('lets the next one in where a driver throws when a handed on grant is given back', async () => {
    const bench = new LockManagerBench();
    const { locks } = bench.driver;
    const holder = await bench.take();
    const next = outcomeOf(bench.acquire({ fencing: true }));
    const last = outcomeOf(bench.acquire());
    await bench.clock.advance(0);
    const release = locks.release.bind(locks);
    let thrown = 0;
    locks.release = (grant, keepFor) => {
      if (thrown > 0) return release(grant, keepFor);
      thrown += 1;
      // In the back end it ends by its ttl.
      bench.driver.holders.clear();
      throw new Error('a mistake of the driver');
    };
    await holder.release();
    await bench.clock.advance(0);
    expect(thrown).toBe(1);
    expect(next.value).toBeInstanceOf(HeldLease);
    await (next.value as HeldLease).release();
    await bench.clock.advance(1000);
    expect(last.value).toBeInstanceOf(HeldLease);
  });

  it('begins no lease once the signal has aborted, in whatever turn that was', async () => {
    let aborts = 0;
    for (let turns = 0; turns < 12; turns += 1) {
      const bench = new LockManagerBench();
      const controller = new AbortController();
      const tryAcquire = bench.driver.locks.acquire.bind(bench.driver.locks);
      let begunBefore = 0;
      const abortLater = async (): Promise<void> => {
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
        begunBefore = bench.seen('lease.acquired');
        controller.abort(new Error('had enough'));
      };
      bench.driver.locks.acquire = (request) => {
        const attempt = tryAcquire(request);
        void attempt.then(abortLater);
        return attempt;
      };
      const outcome = outcomeOf(bench.acquire({ signal: controller.signal }));
      await bench.clock.advance(0);
      expect(bench.seen('lease.acquired'), `after ${turns} turns`).toBe(begunBefore);
      expect(bench.driver.holders.size).toBe(begunBefore);
      if (outcome.state === 'rejected') aborts += 1;
    }
    expect(aborts).toBeGreaterThan(0);
    expect(aborts).toBeLessThan(12);
  });

  it('ends when the coordinator drains, also for those who come then', async () => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    const waiting = [outcomeOf(bench.acquire()), outcomeOf(bench.acquire())];
    bench.manager.drain.begin(1000);
    const newcomer = outcomeOf(bench.acquire());
    await bench.clock.advance(999);
    expect([...waiting, newcomer].map(({ state }) => state)).toEqual(['pending', 'pending', 'pending']);
    await bench.clock.advance(1);
    for (const { error } of [...waiting, newcomer]) {
      expect(error).toBeInstanceOf(BackendUnavailableError);
      expect((error as Error).message).toContain('member-1 is shutting down');
    }
    await expect(bench.acquire({ name: 'free' })).rejects.toBeInstanceOf(BackendUnavailableError);
    expect(bench.driver.calls.filter(({ name }) => name === 'free')).toEqual([]);
  });

  it('gives a grant back that crosses the end of the drain', async () => {
    const bench = new LockManagerBench();
    const late = bench.driver.delay('acquire');
    const outcome = outcomeOf(bench.acquire());
    bench.manager.drain.begin(100);
    await bench.clock.advance(100);
    expect(outcome.state).toBe('rejected');
    late.answer();
    await bench.clock.advance(0);
    expect(bench.driver.count('release')).toBe(1);
  });
});

describe('one signal of many waiters', () => {
  it('has one listener for all of them, and none when they have gone', async () => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    bench.driver.takeAway('other');
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = Array.from({ length: 20 }, (_, index) =>
      outcomeOf(bench.acquire({ signal, fair: index % 2 === 0, name: index % 3 === 0 ? 'other' : 'lock' })),
    );
    await bench.clock.advance(0);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    controller.abort(new Error('enough'));
    await bench.clock.advance(0);
    expect(new Set(waiting.map(({ state }) => state))).toEqual(new Set(['rejected']));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('of a lease may be given to many without a warning', async () => {
    const bench = new LockManagerBench();
    const { signal } = await bench.take();
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    for (let count = 0; count < 20; count += 1) signal.addEventListener('abort', () => undefined);
    await bench.clock.advance(0);
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });
});

describe('a driver that throws', () => {
  it.each(['enqueue', 'acquire'] as const)(
    'at once in %s fails the call, and keeps nobody behind',
    async (what) => {
      const bench = new LockManagerBench();
      const { locks, queue } = bench.driver;
      const fails = (): never => {
        throw new Error('a fault of the driver');
      };
      const faulty =
        what === 'acquire' ? { locks: { ...locks, acquire: fails } } : { queue: { enqueue: fails } };
      Object.assign(bench.driver, faulty);
      await expect(bench.acquire()).rejects.toThrow('a fault of the driver');
      Object.assign(bench.driver, { locks, queue });
      await (await bench.take()).release();
      await bench.manager.stop(0);
    },
  );

  it.each([
    [
      'throws',
      (): Promise<void> => {
        throw new Error('a fault of the driver');
      },
    ],
    ['rejects', () => Promise.reject(new Error('a fault of the driver'))],
  ])('when a place is left (%s) keeps nobody behind', async (_how, leave) => {
    const bench = new LockManagerBench();
    const { queue } = bench.driver;
    bench.driver.queue = { enqueue: (claim, wake) => Object.assign(queue!.enqueue(claim, wake), { leave }) };
    bench.driver.takeAway('lock');
    const tooLong = outcomeOf(bench.acquire({ blocking: 10 }));
    await bench.clock.advance(20);
    expect(tooLong.state).toBe('resolved');
    bench.driver.free('lock');
    await (await bench.take()).release();
    await bench.manager.stop(0);
  });
});

describe('a ttl that is shorter than a round trip', () => {
  it('is tried for less and less often', async () => {
    const bench = new LockManagerBench({ ttl: 20 });
    const tryAcquire = bench.driver.locks.acquire.bind(bench.driver.locks);
    bench.driver.locks.acquire = async (request) => {
      await new Promise<void>((resolve) => bench.clock.setTimer(25, resolve));
      return tryAcquire(request);
    };
    const waiting = outcomeOf(bench.acquire({ blocking: 2000 }));
    await bench.clock.advance(1000);
    expect(bench.driver.count('acquire')).toBeLessThan(10);
    await bench.clock.advance(3000);
    expect(waiting.state).toBe('resolved');
  });
});
