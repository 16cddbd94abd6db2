import { describe, expect, it } from 'vitest';
import { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { settled } from '../support/fake-clock.js';
import { LockManagerBench, outcomeOf } from '../support/lock-manager-bench.js';

describe('waiting for a lock', () => {
  it('is first come, first served in one process, with one contender towards the back end', async () => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    const order: number[] = [];
    const all = Array.from({ length: 50 }, async (_, index) => {
      const lease = await bench.take();
      order.push(index);
      await lease.release();
    });
    await bench.clock.advance(0);
    // The one in front tries, asks to be woken, and tries again.
    expect(bench.driver.calls.map(({ operation }) => operation)).toEqual(['acquire', 'watch', 'acquire']);
    bench.driver.free('lock');
    await Promise.all(all);
    expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index));
    // Three until the lock is free, and one whenever others have had the chance to get in.
    expect(bench.driver.count('acquire')).toBe(3 + 3);
    expect(bench.driver.watchers).toBe(0);
  });

  it('never has two tries for one name under way, whoever leaves or comes', async () => {
    const bench = new LockManagerBench();
    let underWay = 0;
    const tryAcquire = bench.driver.locks.acquire.bind(bench.driver.locks);
    bench.driver.locks.acquire = async (request) => {
      expect((underWay += 1)).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return tryAcquire(request);
    };
    let seed = 11;
    const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    await Promise.all(
      Array.from({ length: 300 }, async () => {
        const controller = new AbortController();
        if (random() < 0.5) setImmediate(() => controller.abort());
        const lease = await bench.acquire({ signal: controller.signal }).catch(() => undefined);
        if (lease instanceof HeldLease) await lease.release();
      }),
    );
    await bench.clock.advance(0);
    expect(bench.driver.holders.size).toBe(0);
  });

  it('keeps names apart', async () => {
    const bench = new LockManagerBench();
    await bench.take({ name: 'a' });
    await bench.take({ name: 'b' });
    expect(bench.driver.count('watch')).toBe(0);
  });

  it('tries again once wake-ups can no longer be missed', async () => {
    const bench = new LockManagerBench();
    let ready = (): void => undefined;
    bench.driver.watchReady = new Promise((resolve) => (ready = resolve));
    bench.driver.takeAway('lock');
    const taking = outcomeOf(bench.take());
    await bench.clock.advance(0);
    bench.driver.free('lock', false);
    await bench.clock.advance(0);
    expect(taking.state).toBe('pending');
    ready();
    await bench.clock.advance(0);
    expect(taking.state).toBe('resolved');
  });

  it('does not wait for ever until wake-ups can no longer be missed', async () => {
    const bench = new LockManagerBench();
    bench.driver.watchReady = new Promise(() => undefined);
    bench.driver.takeAway('lock');
    const taking = outcomeOf(bench.take());
    await bench.clock.advance(10);
    bench.driver.free('lock', false);
    await bench.clock.advance(1000);
    expect(taking.state).toBe('resolved');
  });

  it('goes on by its looks where a driver fails to wake it up', async () => {
    const bench = new LockManagerBench();
    bench.driver.watchReady = Promise.reject(new Error('a mistake of the driver'));
    bench.driver.takeAway('lock');
    const taking = outcomeOf(bench.take());
    await bench.clock.advance(999);
    expect(bench.driver.count('acquire')).toBeLessThan(4);
    bench.driver.free('lock', false);
    await bench.clock.advance(1);
    expect(taking.state).toBe('resolved');
  });

  it('ends with a wake-up', async () => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    const taking = outcomeOf(bench.take());
    await bench.clock.advance(100);
    const tries = bench.driver.count('acquire');
    bench.driver.free('lock');
    await bench.clock.advance(0);
    expect(taking.state).toBe('resolved');
    expect(bench.driver.count('acquire')).toBe(tries + 1);
    // The heartbeat's is left, and not the one that would have ended the sleep.
    expect(bench.clock.timers).toBe(1);
  });

  it('does not sleep through a wake-up that came while it tried', async () => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    const taking = outcomeOf(bench.take());
    await bench.clock.advance(100);
    const late = bench.driver.delay('acquire');
    bench.driver.answer('acquire', { granted: false });
    bench.driver.ring('lock');
    await bench.clock.advance(0);
    bench.driver.free('lock');
    late.answer();
    await bench.clock.advance(0);
    expect(taking.state).toBe('resolved');
  });

  it('takes at most a second longer when a wake-up is lost', async () => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    const taking = outcomeOf(bench.take());
    await bench.clock.advance(12_345);
    bench.driver.free('lock', false);
    await bench.clock.advance(1000);
    expect(taking.state).toBe('resolved');
  });

  it('looks again when the back end said that the present lease ends', async () => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    for (let round = 0; round < 2; round += 1) {
      bench.driver.answer('acquire', { granted: false, retryAfter: 70, remaining: 70 });
    }
    const taking = outcomeOf(bench.take());
    await bench.clock.advance(60);
    bench.driver.free('lock', false);
    await bench.clock.advance(10);
    expect(taking.state).toBe('resolved');
  });

  it.each([false, 0])('is not done for blocking %s: it is one try', async (blocking) => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    expect(await bench.acquire({ blocking })).toEqual({});
    expect(bench.driver.calls).toHaveLength(1);
    bench.driver.free('lock');
    expect(await bench.acquire({ blocking })).toBeInstanceOf(HeldLease);
    expect(await bench.acquire({ blocking })).toEqual({});
    expect(bench.driver.count('acquire')).toBe(2);
    expect(bench.seen('lease.waiting')).toBe(0);
  });

  it('takes no lease that was taken away before it was one', async () => {
    const bench = new LockManagerBench({}, false);
    const tryAcquire = bench.driver.locks.acquire.bind(bench.driver.locks);
    bench.driver.locks.acquire = async (request) => {
      const reply = await tryAcquire(request);
      bench.driver.locks.acquire = tryAcquire;
      await bench.driver.break(request.name);
      return reply;
    };
    const lease = await bench.take();
    expect(lease.held).toBe(true);
    expect(bench.driver.holders.get('lock')?.id).toBe(lease.grant.id);
  });

  it('passes on an error that is no outage', async () => {
    const bench = new LockManagerBench();
    bench.driver.answer('acquire', new TypeError('a bug'));
    await expect(bench.acquire()).rejects.toThrow(TypeError);
    expect(await bench.acquire()).toBeInstanceOf(HeldLease);
  });

  it('tells once that it waits', async () => {
    const bench = new LockManagerBench();
    bench.driver.takeAway('lock');
    const taking = bench.take();
    await bench.clock.advance(5000);
    bench.driver.free('lock');
    await taking;
    expect(bench.seen('lease.waiting')).toBe(1);
  });
});

describe('a listener to waiting calls that finds the lease of the holder over', () => {
  /** Its time is over, and no timer has run. */
  async function overdue(others: number) {
    const bench = new LockManagerBench();
    const holder = await bench.take();
    for (let other = 0; other < others; other += 1) await bench.take({ name: `other-${other}` });
    bench.manager.events.on('lease.waiting', () => void holder.held);
    bench.clock.block(10_000);
    bench.driver.free('lock', false);
    return bench;
  }

  it.each([0, 200])('keeps the call from no lock that is free now, beside %i others', async (others) => {
    const bench = await overdue(others);
    const [first, second] = [outcomeOf(bench.take()), outcomeOf(bench.take())];
    await settled();
    expect([first.state, second.state]).toEqual(['resolved', 'pending']);
    await first.value!.release();
    await settled();
    expect(second.state).toBe('resolved');
  });

  it.each([0, 200])('lets in one call at a time, beside %i others', async (others) => {
    const bench = await overdue(others);
    const tries = bench.driver.count('acquire');
    const first = outcomeOf(bench.take());
    await settled();
    expect(await bench.acquire({ blocking: false })).toEqual({});
    expect(first.state).toBe('resolved');
    expect(bench.driver.count('acquire')).toBe(tries + 1);
  });
});

describe('a lock that has to be fair', () => {
  it('is refused by name on a back end that keeps no order, and then keeps nobody behind', async () => {
    const bench = new LockManagerBench();
    bench.driver.queue = undefined;
    await expect(bench.acquire({ fair: true })).rejects.toThrow(
      /^Lock "lock": the option "fair" needs a back end that keeps the order .* scripted does not/,
    );
    expect(bench.manager.usage).toEqual({ held: 0, waiting: 0 });
    const lease = await bench.take();
    const waiting = bench.take();
    await bench.clock.advance(0);
    await lease.release();
    await (await waiting).release();
    await bench.manager.stop(0);
  });
});
