import { describe, expect, it } from 'vitest';
import type { Claim, Granted, Taken } from '../../../lib/drivers/driver.js';
import { PostgresQueue } from '../../../lib/drivers/postgres/queue/index.js';
import { FakeClock } from '../../support/fake-clock.js';

const TAKEN: Taken = { granted: false, retryAfter: 1000 };

/** A queue on a server that says that the lock is taken, and remembers the ids of those who ask. */
function bench(ttl = 10_000) {
  const clock = new FakeClock();
  const asked: { id: string; look?: number }[] = [];
  const left: string[] = [];
  const queue = new PostgresQueue({
    clock,
    acquiring: {
      attempt: (_claim, attempt) => {
        asked.push(attempt);
        return Promise.resolve<Granted | Taken>(TAKEN);
      },
    },
    locks: {
      leave: (_key, id) => {
        left.push(id);
        return Promise.resolve();
      },
      abandon: () => Promise.reject(new Error('every look was answered')),
    },
  });
  const claim: Claim = {
    name: 'lock',
    key: 'lock',
    ttl,
    tokens: 1,
    mode: 'exclusive',
    memberId: 'member',
    onRevoked: () => undefined,
  };
  let woken = 0;
  const waiter = queue.enqueue(claim, () => (woken += 1));
  return { clock, asked, left, queue, waiter, woken: () => woken };
}

describe('a waiter on PostgreSQL', () => {
  it('takes a lock that was handed over after its last look, without asking', async () => {
    const { clock, asked, queue, waiter, woken } = bench();
    const sent = clock.monotonic();
    await waiter.tryAcquire();
    await clock.advance(300);
    queue.onNotification(`${asked[0]?.id} 42 1`);
    expect(woken()).toBe(1);
    expect(await waiter.tryAcquire()).toMatchObject({
      granted: true,
      // From before the look: the server may have handed it over right after that.
      grant: { id: asked[0]?.id, tokens: { first: 42 }, term: { ms: 2000, since: { monotonic: sent } } },
    });
    expect(asked).toHaveLength(1);
    expect(waiter.leave()).toBeUndefined();
  });

  it('asks when it has looked since: the notification may be of a lease that has ended', async () => {
    const { asked, queue, waiter, woken } = bench();
    await waiter.tryAcquire();
    await waiter.tryAcquire();
    queue.onNotification(`${asked[0]?.id} 42 1`);
    expect(woken()).toBe(1);
    expect(await waiter.tryAcquire()).toBe(TAKEN);
    expect(asked.map(({ look }) => look)).toEqual([1, 2, 3]);
  });

  it('asks when little is left of what was handed over', async () => {
    const { clock, asked, queue, waiter } = bench(400);
    await waiter.tryAcquire();
    await clock.advance(300);
    queue.onNotification(`${asked[0]?.id} 42 1`);
    expect(await waiter.tryAcquire()).toBe(TAKEN);
  });

  it('asks when it is told that it may be its turn', async () => {
    const { asked, queue, waiter, woken } = bench();
    await waiter.tryAcquire();
    queue.onNotification(asked[0]?.id ?? '');
    queue.onNotification('somebody-else 42 1');
    expect(woken()).toBe(1);
    await waiter.tryAcquire();
    // One acquisition, so that what is granted late is its own.
    expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
  });

  it('leaves the queue once it has looked, and nothing before', async () => {
    const idle = bench();
    expect(idle.waiter.leave()).toBeUndefined();
    const { asked, left, waiter } = bench();
    await waiter.tryAcquire();
    await waiter.leave();
    expect(left).toEqual([asked[0]?.id]);
  });
});
