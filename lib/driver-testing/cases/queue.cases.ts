import assert from 'node:assert/strict';
import type { Driver, Grant } from '../../drivers/driver.js';
import { freshName, granted, request, take, tryAcquire } from '../driver-calls.js';
import { defineCases } from '../suite-case.js';
import { SuiteWaiter } from '../suite-waiter.js';

export const queueCases = defineCases('queue', {
  'wakes a waiter when the lock is released': async ({ a, b }) => {
    const lock = freshName();
    const grant = granted(await tryAcquire(a, request(lock)));
    const waiter = new SuiteWaiter(b, lock);
    await waiter.enqueue();
    await a.locks.release(grant);
    await b.locks.release(await waiter.turn());
  },

  'keeps the order of the waiters, over all processes': async ({ a, b }) => {
    const lock = freshName();
    const grant = granted(await tryAcquire(a, request(lock)));
    const waiters = [b, a, b, a, a, b].map((driver) => new SuiteWaiter(driver, lock));
    for (const waiter of waiters) await waiter.enqueue();
    let last: [Driver, Grant] = [a, grant];
    for (const [index, waiter] of waiters.entries()) {
      const [holder, held] = last;
      await holder.locks.release(held);
      last = [waiter.driver, await waiter.turn()];
      for (const later of waiters.slice(index + 1)) assert.equal(later.granted, false);
    }
    await last[0].locks.release(last[1]);
  },

  'lets no newcomer in before the waiters': async ({ a, b }) => {
    const lock = freshName();
    const grant = granted(await tryAcquire(a, request(lock)));
    const waiter = new SuiteWaiter(b, lock);
    await waiter.enqueue();
    await a.locks.release(grant);
    assert.equal((await tryAcquire(a, request(lock))).granted, false);
    await b.locks.release(await waiter.turn());
  },

  'goes on with the next waiter when one leaves': async ({ a, b }) => {
    const lock = freshName();
    const grant = granted(await tryAcquire(a, request(lock)));
    const [first, second, third] = [b, a, b].map((driver) => new SuiteWaiter(driver, lock));
    assert.ok(first && second && third);
    for (const waiter of [first, second, third]) await waiter.enqueue();
    await second.leave();
    await a.locks.release(grant);
    // Its turn may have come already; it leaves without using it.
    await first.leave();
    await b.locks.release(await third.turn());
    await a.locks.release(await take(a, request(lock)));
  },

  'costs nothing at a place without a try': async ({ a, b }) => {
    const lock = freshName();
    const idle = new SuiteWaiter(b, lock);
    const grant = granted(await tryAcquire(a, request(lock)));
    await a.locks.release(grant);
    await a.locks.release(await take(a, request(lock)));
    await idle.leave();
  },
});
