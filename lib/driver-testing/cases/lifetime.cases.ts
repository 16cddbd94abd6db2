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
  take,
  tryAcquire,
} from '../driver-calls.js';
import { eventually } from '../eventually.js';
import { defineCases } from '../suite-case.js';

/** How far the back end may round the end of a lease, ms. */
const ROUNDING = 10;

export const leaseCases = defineCases('lease', {
  'frees a lease at the end of its ttl, and not before': async ({ a, b }) => {
    const lock = freshName();
    const began = performance.now();
    const grant = granted(await tryAcquire(a, request(lock, 300)));
    const lasts = grant.term?.ms ?? 300;
    const next = await take(b, request(lock));
    const lasted = performance.now() - began;
    assert.ok(lasted >= lasts - ROUNDING, `a lease of ${lasts} ms was over after ${lasted}`);
    assert.equal(await isOwner(a, grant), false);
    assert.equal(await a.locks.release(grant), false);
    assert.equal(await isOwner(b, next), true);
    await b.locks.release(next);
  },

  'renews a lease that is held, which then outlasts its first ttl': async ({ a, b }) => {
    const lock = freshName();
    const grant = granted(await tryAcquire(a, request(lock, 1000)));
    assert.equal(await renewed(a, grant, 10_000), true);
    const end = performance.now() + 1100;
    while (performance.now() < end) {
      assert.equal((await tryAcquire(b, request(lock))).granted, false);
      await after(20);
    }
    assert.equal(await isOwner(a, grant), true);
    assert.equal(await a.locks.release(grant), true);
  },

  'never creates a lease by a renewal': async ({ a, b }) => {
    const lock = freshName();
    const grant = granted(await tryAcquire(a, request(lock)));
    await a.locks.release(grant);
    assert.equal(await renewed(a, grant, 10_000), false);
    const next = await take(b, request(lock));
    assert.equal(await renewed(a, grant, 10_000), false);
    assert.equal(await isOwner(b, next), true);
    await b.locks.release(next);
  },

  'does not renew a lease that has expired': async ({ a }) => {
    const lock = freshName();
    const grant = granted(await tryAcquire(a, request(lock, 50)));
    await eventually(async () => !(await isOwner(a, grant)));
    assert.equal(await renewed(a, grant, 10_000), false);
    assert.equal(await isOwner(a, grant), false);
  },

  'renews several leases at once, and reports the outcome of each': async ({ a, b }) => {
    const names = Array.from({ length: 20 }, (_, index) => freshName(index % 2 === 0 ? 'lock' : '{tag}'));
    const grants: Grant[] = [];
    for (const lock of names) grants.push(granted(await tryAcquire(a, request(lock))));
    await a.locks.release(grants[3]!);
    await breakLock(b, names[8]!);
    await a.locks.release(grants[14]!);
    const next = await take(b, request(names[14]!));
    const outcomes = await a.locks.renew(grants, 10_000);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === 'lost' ? outcome.loss.reason : outcome.kind)),
      names.map((_, index) => (index === 14 ? 'taken-over' : [3, 8].includes(index) ? 'broken' : 'renewed')),
    );
    assert.equal(await isOwner(b, next), true);
    await b.locks.release(next);
    for (const grant of grants) await a.locks.release(grant);
  },

  'renews nothing when it is given no grants': async ({ a }) => {
    assert.deepEqual(await a.locks.renew([], 10_000), []);
  },
});

export const processCases = defineCases('process', {
  'keeps a lease beyond its ttl': async ({ a, b }) => {
    const lock = freshName();
    const grant = granted(await tryAcquire(a, request(lock, 50)));
    const end = performance.now() + 200;
    while (performance.now() < end) {
      assert.equal((await tryAcquire(b, request(lock))).granted, false);
      await after(20);
    }
    assert.equal(await a.locks.release(grant), true);
  },

  'tells a holder whose lock is broken': async ({ a, b }) => {
    const lost = request(freshName());
    granted(await tryAcquire(a, lost));
    assert.equal(await breakLock(b, lost.name), true);
    assert.equal(lost.revoked.length, 1);
  },
});
