import assert from 'node:assert/strict';
import { freshName, request, take } from '../driver-calls.js';
import { eventually } from '../eventually.js';
import { defineCases } from '../suite-case.js';

export const watchCases = defineCases('watch', {
  'tells a watcher that the lock was released, until the watch ends': async ({ a, b }) => {
    const lock = freshName();
    let [told, other] = [0, 0];
    const watch = b.locks.watch?.(lock, () => (told += 1));
    const second = b.locks.watch?.(lock, () => (other += 1));
    assert.ok(watch && second);
    await Promise.all([watch.ready, second.ready]);
    // A hint may be missed, so one report after several releases is enough.
    await eventually(
      async () => {
        await a.locks.release(await take(a, request(lock)));
        return told > 0 && other > 0;
      },
      { every: 50 },
    );
    watch[Symbol.dispose]();
    [told, other] = [0, 0];
    await eventually(
      async () => {
        await a.locks.release(await take(a, request(lock)));
        return other > 0;
      },
      { every: 50 },
    );
    assert.equal(told, 0);
    second[Symbol.dispose]();
  },

  'ends a watch that has just begun': async ({ a }) => {
    const watch = a.locks.watch?.(freshName(), () => undefined);
    assert.ok(watch);
    watch[Symbol.dispose]();
    await watch.ready;
  },

  'settles a watch at the stop': async ({ a }) => {
    const watch = a.locks.watch?.(freshName(), () => undefined);
    assert.ok(watch);
    await a.stop();
    await watch.ready;
    watch[Symbol.dispose]();
  },
});
