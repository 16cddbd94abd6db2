import assert from 'node:assert/strict';
import { type Driver, type Grant, TRUSTED_MS } from '../../drivers/driver.js';
import {
  breakLock,
  fencedRequest,
  freshName,
  granted,
  isOwner,
  request,
  sharedRequest,
  take,
  tokenOf,
  tryAcquire,
} from '../driver-calls.js';
import { defineCases } from '../suite-case.js';

export const sharedCases = defineCases('shared', {
  'lets several share a lock, each by a lease of its own': async ({ a, b }) => {
    const lock = freshName();
    const grants: [Driver, Grant][] = [];
    for (const driver of [a, a, b]) grants.push([driver, await take(driver, sharedRequest(lock))]);
    const ids = grants.map(([, { id }]) => id);
    assert.equal(new Set(ids).size, 3);
    for (const [driver, grant] of grants) assert.equal(await isOwner(driver, grant), true);
    const holders = await b.locks.holders(lock);
    assert.deepEqual(
      holders.map(({ id, holds }) => `${id} ${holds}`).sort(),
      ids.map((id) => `${id} yes`).sort(),
    );
    const listed = (await a.locks.list()).filter(({ id }) => ids.includes(id));
    assert.deepEqual(
      listed.map(({ id, name }) => `${id} ${name}`).sort(),
      ids.map((id) => `${id} ${lock}`).sort(),
    );
    for (const [driver, grant] of grants) assert.equal(await driver.locks.release(grant), true);
  },

  'grants no exclusive lease as long as a holder shares the lock': async ({ a, b }) => {
    const lock = freshName();
    const [first, second] = [await take(a, sharedRequest(lock)), await take(b, sharedRequest(lock))];
    for (const driver of [a, b]) assert.equal((await tryAcquire(driver, request(lock))).granted, false);
    await a.locks.release(first);
    for (const driver of [a, b]) assert.equal((await tryAcquire(driver, request(lock))).granted, false);
    assert.equal(await isOwner(b, second), true);
    await b.locks.release(second);
    await a.locks.release(await take(a, request(lock)));
  },

  'shares no lock that another holder has exclusively': async ({ a, b }) => {
    const lock = freshName();
    const grant = granted(await tryAcquire(a, request(lock)));
    for (const driver of [a, b]) assert.equal((await tryAcquire(driver, sharedRequest(lock))).granted, false);
    await a.locks.release(grant);
    await b.locks.release(await take(b, sharedRequest(lock)));
  },

  'releases a share once, and no other one by it': async ({ a, b }) => {
    const lock = freshName();
    const [first, second] = [await take(a, sharedRequest(lock)), await take(b, sharedRequest(lock))];
    assert.equal(await a.locks.release(first), true);
    assert.equal(await a.locks.release(first), false);
    assert.equal(await isOwner(a, first), false);
    assert.equal(await isOwner(b, second), true);
    assert.equal(await b.locks.release(second), true);
    const next = await take(a, request(lock));
    assert.equal(await b.locks.release(second), false);
    assert.equal(await isOwner(a, next), true);
    await a.locks.release(next);
  },

  'never has a shared holder beside an exclusive one': async ({ a, b }) => {
    const lock = freshName();
    for (let round = 0; round < 20; round += 1) {
      const asks = [request(lock), sharedRequest(lock), sharedRequest(lock), request(lock)];
      const replies = await Promise.all(
        asks.map(async (ask, index) => {
          const driver = index % 2 === 0 ? a : b;
          return {
            driver,
            mode: 'mode' in ask ? 'shared' : 'exclusive',
            reply: await tryAcquire(driver, ask),
          };
        }),
      );
      const held = replies.filter(({ reply }) => reply.granted);
      const alone = held.filter(({ mode }) => mode === 'exclusive').length;
      assert.ok(alone === 0 || held.length === 1, `${alone} alone among ${held.length} holders`);
      await Promise.all(held.map(({ driver, reply }) => driver.locks.release(granted(reply))));
    }
  },

  'breaks a shared lock: all its holders know before the next one has it, or the lock is blocked for a while':
    async ({ a, b }) => {
      const lock = freshName();
      const asks = [sharedRequest(lock), sharedRequest(lock)];
      const grants = [await take(a, asks[0]!), await take(b, asks[1]!)];
      const began = performance.now();
      assert.equal(await breakLock(b, lock), true);
      const next = await take(b, request(lock));
      const ms = performance.now() - began;
      for (const { revoked } of asks)
        assert.ok(
          revoked.length === 1 || ms >= TRUSTED_MS,
          `one holder was not told when the next had it after ${ms} ms`,
        );
      for (const grant of grants) assert.equal(await isOwner(a, grant), false);
      assert.equal(await a.locks.release(grants[0]!), false);
      assert.equal(await isOwner(b, next), true);
      await b.locks.release(next);
    },

  'blocks a shared lock for exclusive claims after a release that asks for it': async ({ a, b }) => {
    const lock = freshName();
    const grant = await take(a, sharedRequest(lock));
    const released = performance.now();
    assert.equal(await a.locks.release(grant, 300), true);
    assert.equal(await isOwner(a, grant), false);
    assert.deepEqual(await b.locks.holders(lock), []);
    const next = await take(b, request(lock));
    const kept = performance.now() - released;
    assert.ok(kept >= 290, `it was kept for ${kept} ms`);
    await b.locks.release(next);
  },

  'lets others share a lock after a downgrade, with no exclusive holder in between': async ({ a, b }) => {
    const lock = freshName();
    const alone = granted(await tryAcquire(a, fencedRequest(lock)));
    const downgrade = a.locks.downgrade?.(alone, 10_000);
    assert.ok(downgrade);
    const { grant, done } = downgrade;
    const between = Array.from({ length: 20 }, async (_, index) => {
      const reply = await tryAcquire(index % 2 === 0 ? a : b, request(lock));
      assert.equal(reply.granted, false, 'another holder had it exclusively in between');
    });
    assert.equal(await done, true);
    await Promise.all(between);
    assert.deepEqual(grant.tokens, alone.tokens);
    assert.equal(await isOwner(a, grant), true);
    const second = await take(b, sharedRequest(lock));
    assert.equal((await tryAcquire(b, request(lock))).granted, false);
    assert.equal(await a.locks.release(grant), true);
    assert.equal((await tryAcquire(a, request(lock))).granted, false);
    await b.locks.release(second);
    await a.locks.release(await take(a, request(lock)));
  },

  'shares nothing by the downgrade of a lease that is over': async ({ a, b }) => {
    const lock = freshName();
    const over = granted(await tryAcquire(a, request(lock)));
    await a.locks.release(over);
    const downgrade = a.locks.downgrade?.(over, 10_000);
    assert.equal(await downgrade?.done, false);
    const next = await take(b, request(lock));
    assert.equal(await a.locks.release(downgrade!.grant), false);
    assert.equal(await a.locks.downgrade?.(over, 10_000).done, false);
    assert.equal(await isOwner(b, next), true);
    await b.locks.release(next);
  },

  'gives a share a token above that of each exclusive lease before, and below that of each one after':
    async ({ a, b }) => {
      const lock = freshName();
      const fencedShare = { ...fencedRequest(lock), mode: 'shared' as const };
      for (let round = 0; round < 3; round += 1) {
        const before = await take(a, fencedRequest(lock));
        await a.locks.release(before);
        const shares = [await take(a, fencedShare), await take(b, fencedShare)];
        for (const share of shares) assert.ok(tokenOf(share) > tokenOf(before));
        await a.locks.release(shares[0]!);
        await b.locks.release(shares[1]!);
        const next = await take(b, fencedRequest(lock));
        for (const share of shares) assert.ok(tokenOf(next) > tokenOf(share));
        await b.locks.release(next);
      }
    },
});
