import assert from 'node:assert/strict';
import type { Driver } from '../../drivers/driver.js';
import {
  breakLock,
  fencedRequest,
  freshName,
  granted,
  renewed,
  request,
  take,
  takeToken,
  tokenOf,
  tryAcquire,
} from '../driver-calls.js';
import { type CaseDefinition, defineCases, type SuiteBench } from '../suite-case.js';

const HOUR = 3_600_000;
/** How many leases each driver takes under contention. */
const LEASES = 100;

interface TokenBench extends SuiteBench {
  readonly right: Driver;
  readonly ahead: Driver;
  readonly behind: Driver;
}

/**
 * The members' clocks disagree by hours. The one that is ahead goes first, so that only the counter of the back end can keep the later
 * tokens in order.
 */
function withWrongClocks(body: (bench: TokenBench) => Promise<void>): CaseDefinition['body'] {
  return async (bench) => {
    const [ahead, behind] = await Promise.all([bench.member(HOUR), bench.member(-HOUR)]);
    await body({ ...bench, right: bench.a, ahead, behind });
  };
}

const all = {
  'tokens are given when they are asked for, and only then': withWrongClocks(async ({ right }) => {
    const lock = freshName();
    const plain = granted(await tryAcquire(right, request(lock)));
    assert.equal(plain.tokens, undefined);
    await right.locks.release(plain);
    const fenced = await take(right, fencedRequest(lock));
    assert.ok(Number.isSafeInteger(tokenOf(fenced)) && tokenOf(fenced) > 0);
    assert.equal(fenced.tokens?.count, 1);
    await right.locks.release(fenced);
  }),

  'tokens are reserved in ranges that do not overlap': withWrongClocks(async ({ ahead, right, behind }) => {
    const lock = freshName();
    let last = 0;
    for (const driver of [ahead, behind, right, behind]) {
      const grant = await take(driver, fencedRequest(lock, undefined, 5));
      const { first = 0, count = 0 } = grant.tokens ?? {};
      assert.ok(count >= 1 && count <= 5, `${count} of 5 tokens`);
      assert.ok(first > last, `${first} comes after ${last}`);
      last = first + count - 1;
      await driver.locks.release(grant);
    }
    assert.ok((await takeToken(behind, lock)) > last);
  }),

  'tokens grow with every lease of the name, in any process and with any clock': withWrongClocks(
    async ({ ahead, right, behind }) => {
      const lock = freshName();
      let last = 0;
      for (let round = 0; round < 5; round += 1) {
        for (const driver of [ahead, right, behind]) {
          const token = await takeToken(driver, lock);
          assert.ok(token > last, `${token} comes after ${last}`);
          assert.ok(Number.isSafeInteger(token));
          last = token;
        }
      }
    },
  ),

  'tokens grow over leases without one': withWrongClocks(async ({ ahead, right, behind }) => {
    const lock = freshName();
    let last = await takeToken(ahead, lock);
    for (let round = 0; round < 5; round += 1) {
      // One plain lease, then two, in turn: a stored counter may have two slots that alternate.
      for (let plain = 0; plain <= round % 2; plain += 1) {
        await right.locks.release(await take(right, request(lock)));
      }
      const token = await takeToken(behind, lock);
      assert.ok(token > last, `${token} comes after ${last}`);
      last = token;
    }
  }),

  'tokens grow over a lock that was broken': withWrongClocks(async ({ ahead, behind }) => {
    const lock = freshName();
    const lost = tokenOf(await take(ahead, fencedRequest(lock)));
    // `ahead` breaks its own lease: a request to another process has a deadline, and real processes of one machine have one clock.
    assert.equal(await breakLock(ahead, lock), true);
    assert.ok((await takeToken(behind, lock)) > lost);
  }),

  'tokens grow over the end of every driver that knew them': withWrongClocks(
    async ({ a, b, ahead, behind, member }) => {
      const lock = freshName();
      const last = await takeToken(ahead, lock);
      await Promise.all([a, b, ahead, behind].map((driver) => driver.stop()));
      assert.ok((await takeToken(await member(-2 * HOUR), lock)) > last);
    },
  ),

  'tokens are given to no lease that is refused': withWrongClocks(async ({ ahead, right, behind }) => {
    const lock = freshName();
    const grant = await take(ahead, fencedRequest(lock));
    const reply = await tryAcquire(right, fencedRequest(lock));
    assert.equal(reply.granted, false);
    assert.ok(!('grant' in reply));
    await ahead.locks.release(grant);
    assert.ok((await takeToken(behind, lock)) > tokenOf(grant));
  }),

  'tokens of different names do not wait for each other': withWrongClocks(async ({ ahead, behind }) => {
    const [one, other] = [freshName(), freshName()];
    const first = await take(ahead, fencedRequest(one));
    const second = await take(behind, fencedRequest(other));
    assert.ok(tokenOf(second) > 0);
    await Promise.all([ahead.locks.release(first), behind.locks.release(second)]);
  }),

  [`tokens grow in the order of ${3 * LEASES} leases that three members fight for`]: withWrongClocks(
    async ({ right, ahead, behind }) => {
      const lock = freshName();
      const tokens: number[] = [await takeToken(ahead, lock)];
      const compete = async (driver: Driver): Promise<void> => {
        for (let lease = 0; lease < LEASES; lease += 1) {
          const fencing = lease % 4 !== 3;
          const grant = await take(driver, { ...request(lock), fencing }, Math.random() * 4);
          // Pushed while the lock is held, so this is the order of the leases.
          if (fencing) tokens.push(tokenOf(grant));
          await driver.locks.release(grant);
        }
      };
      await Promise.all([right, ahead, behind].map(compete));
      assert.equal(tokens.length, 1 + 3 * LEASES * 0.75);
      assert.deepEqual(
        tokens.filter((token, index) => index > 0 && token <= tokens[index - 1]!),
        [],
      );
    },
  ),
};

const overLeases = {
  'tokens grow over a lease that expired': withWrongClocks(async ({ ahead, behind }) => {
    const lock = freshName();
    const lost = tokenOf(await take(ahead, fencedRequest(lock, 100)));
    assert.ok((await takeToken(behind, lock)) > lost);
  }),

  'tokens grow over a lease that was renewed': withWrongClocks(async ({ ahead, behind }) => {
    const lock = freshName();
    const grant = await take(ahead, fencedRequest(lock));
    assert.equal(await renewed(ahead, grant, 10_000), true);
    assert.equal(await ahead.locks.release(grant), true);
    assert.ok((await takeToken(behind, lock)) > tokenOf(grant));
  }),
};

export const tokenCases = [...defineCases('mandatory', all), ...defineCases('lease', overLeases)];
