import assert from 'node:assert/strict';
import { setTimeout as after } from 'node:timers/promises';
import type { Grant } from '../../drivers/driver.js';
import {
  breakLock,
  freshName,
  granted,
  isOwner,
  renewed,
  request,
  sharedRequest,
  take,
  tryAcquire,
} from '../driver-calls.js';
import { eventually } from '../eventually.js';
import { defineCases } from '../suite-case.js';
import { SuiteWaiter } from '../suite-waiter.js';

export const sharedOrderCases = defineCases(
  'shared',
  {
    'lets no newcomer share a lock before a waiter for an exclusive lease': async ({ a, b }) => {
      const lock = freshName();
      const share = await take(a, sharedRequest(lock));
      const writer = new SuiteWaiter(b, lock);
      await writer.enqueue();
      for (const driver of [a, b])
        assert.equal((await tryAcquire(driver, sharedRequest(lock))).granted, false);
      const readers = [new SuiteWaiter(a, lock, 'shared'), new SuiteWaiter(b, lock, 'shared')];
      for (const reader of readers) await reader.enqueue();
      await a.locks.release(share);
      const alone = await writer.turn();
      for (const reader of readers) assert.equal(reader.granted, false);
      await b.locks.release(alone);
      // All together: no share has ended yet when the last one comes.
      const shares = await Promise.all(readers.map((reader) => reader.turn()));
      for (const [index, grant] of shares.entries()) {
        assert.equal(await isOwner(a, grant), true);
        await readers[index]!.driver.locks.release(grant);
      }
    },

    'keeps the order of shared and exclusive waiters': async ({ a, b }) => {
      const lock = freshName();
      const alone = granted(await tryAcquire(a, request(lock)));
      const line = (['shared', 'shared', 'exclusive', 'shared'] as const).map(
        (mode, index) => new SuiteWaiter(index % 2 === 0 ? b : a, lock, mode),
      );
      for (const waiter of line) await waiter.enqueue();
      await a.locks.release(alone);
      const [first, second, writer, last] = line as [SuiteWaiter, SuiteWaiter, SuiteWaiter, SuiteWaiter];
      const shares = await Promise.all([first.turn(), second.turn()]);
      assert.equal(writer.granted || last.granted, false);
      await b.locks.release(shares[0]);
      assert.equal((await tryAcquire(a, sharedRequest(lock))).granted, false);
      await a.locks.release(shares[1]);
      const grant = await writer.turn();
      assert.equal(last.granted, false);
      await b.locks.release(grant);
      await a.locks.release(await last.turn());
    },

    'goes on with shared waiters when an exclusive waiter before them gives up': async ({ a, b }) => {
      const lock = freshName();
      const share = await take(a, sharedRequest(lock));
      const writer = new SuiteWaiter(b, lock);
      await writer.enqueue();
      const reader = new SuiteWaiter(a, lock, 'shared');
      await reader.enqueue();
      await writer.leave();
      await a.locks.release(await reader.turn());
      assert.equal(await isOwner(a, share), true);
      await a.locks.release(share);
    },

    'lets shared waiters in when the exclusive lease before them ends': async ({ a, b }) => {
      const lock = freshName();
      const alone = granted(await tryAcquire(a, request(lock)));
      const readers = [new SuiteWaiter(a, lock, 'shared'), new SuiteWaiter(b, lock, 'shared')];
      for (const reader of readers) await reader.enqueue();
      const { grant, done } = a.locks.downgrade!(alone, 10_000);
      assert.equal(await done, true);
      const shares = await Promise.all(readers.map((reader) => reader.turn()));
      assert.equal(await isOwner(b, grant), true);
      await a.locks.release(grant);
      for (const [index, each] of shares.entries()) await readers[index]!.driver.locks.release(each);
    },
  },
  'queue',
);

export const sharedLeaseCases = defineCases(
  'shared',
  {
    'ends each share at its own ttl, and renews those that are held': async ({ a, b }) => {
      const lock = freshName();
      const short = await take(a, sharedRequest(lock, 400));
      const long = await take(b, sharedRequest(lock, 1000));
      assert.equal(await renewed(b, long, 10_000), true);
      await eventually(async () => !(await isOwner(a, short)));
      assert.equal(await renewed(a, short, 10_000), false);
      assert.equal(await a.locks.release(short), false);
      await after(700);
      assert.equal(await isOwner(b, long), true);
      assert.equal((await tryAcquire(a, request(lock))).granted, false);
      assert.equal(await b.locks.release(long), true);
      await a.locks.release(await take(a, request(lock)));
    },

    'grants an exclusive lease when the last share has ended, and not before': async ({ a, b }) => {
      const lock = freshName();
      await take(a, sharedRequest(lock, 200));
      const began = performance.now();
      await take(b, sharedRequest(lock, 400));
      const next = await take(a, request(lock));
      assert.ok(performance.now() - began >= 385, 'it came before the last share had ended');
      assert.equal(await isOwner(a, next), true);
      await a.locks.release(next);
    },

    'keeps the lock for a share when a shorter one, that came later, has ended': async ({ a, b }) => {
      const lock = freshName();
      const long = await take(a, sharedRequest(lock, 60_000));
      const short = await take(b, sharedRequest(lock, 200));
      await eventually(async () => !(await isOwner(b, short)));
      assert.equal((await tryAcquire(b, request(lock))).granted, false);
      assert.equal(await isOwner(a, long), true);
      assert.equal(await a.locks.release(long), true);
      await a.locks.release(await take(b, request(lock)));
    },

    'keeps no lock for a share that was released before its ttl': async ({ a, b }) => {
      const lock = freshName();
      const long = await take(a, sharedRequest(lock, 60_000));
      await take(b, sharedRequest(lock, 300));
      await a.locks.release(long);
      const began = performance.now();
      await a.locks.release(await take(a, request(lock)));
      assert.ok(performance.now() - began < 5000, 'it was kept for a share that was given back');
    },

    'renews shares and exclusive leases by one call, and reports the outcome of each': async ({ a, b }) => {
      const locks = Array.from({ length: 6 }, () => freshName());
      const grants: Grant[] = [];
      for (const [index, lock] of locks.entries())
        grants.push(await take(a, index % 2 === 0 ? sharedRequest(lock) : request(lock)));
      await a.locks.release(grants[0]!);
      await breakLock(b, locks[1]!);
      const outcomes = await a.locks.renew(grants, 10_000);
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['lost', 'lost', 'renewed', 'renewed', 'renewed', 'renewed'],
      );
      for (const grant of grants) await a.locks.release(grant);
    },

    'renews a lease by its new grant as soon as it is shared': async ({ a, b }) => {
      const lock = freshName();
      const alone = granted(await tryAcquire(a, request(lock, 1000)));
      const { grant, done } = a.locks.downgrade!(alone, 1000);
      const [was, is] = await Promise.all([done, renewed(a, grant, 10_000)]);
      assert.deepEqual([was, is], [true, true]);
      await after(1100);
      assert.equal(await isOwner(a, grant), true);
      assert.equal((await tryAcquire(b, request(lock))).granted, false);
      await a.locks.release(grant);
    },
  },
  'lease',
);
