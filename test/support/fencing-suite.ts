import { breakLock, tryAcquire } from './driver-calls.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Driver, Grant } from '../../lib/drivers/driver.js';
import {
  freshName,
  granted,
  recordingContext,
  renewed,
  request,
  type DriverHarness,
} from './driver-suite.js';
import { eventually } from './eventually.js';
import { clockOffBy } from './wrong-clock.js';

const HOUR = 3_600_000;
/** Under contention, of every driver. */
const LEASES = 100;

export function fencedRequest(name: string, ttl?: number) {
  return { ...request(name, ttl), fencing: true };
}

/** The token of a grant that must have one. */
export function tokenOf(grant: Grant): number {
  const fencingToken = grant.tokens?.first;
  if (fencingToken === undefined) throw new Error(`expected a fencing token in ${JSON.stringify(grant)}`);
  return fencingToken;
}

/**
 * What every driver that gives fencing tokens promises.
 *
 * The members' clocks disagree by hours, and the one that is ahead goes first, so that only what the back end has
 * counted can put the tokens after it in order.
 */
export function describeFencing(name: string, harness: DriverHarness): void {
  describe(`the fencing tokens of the ${name} driver`, () => {
    let right: Driver;
    let ahead: Driver;
    let behind: Driver;
    let all: readonly Driver[];

    beforeAll(async () => {
      await harness.setUp?.();
    });

    afterAll(async () => {
      await harness.tearDown?.();
    });

    beforeEach(async () => {
      const member = (ms: number): Driver => harness.create({ ...recordingContext(), clock: clockOffBy(ms) });
      all = [right, ahead, behind] = [member(0), member(HOUR), member(-HOUR)];
      await Promise.all(all.map((driver) => driver.start()));
    });

    afterEach(async () => {
      await Promise.all(all.map((driver) => driver.stop()));
    });

    /** A split vote over several nodes may leave a free lock ungranted for a while. */
    function take(driver: Driver, wanted: ReturnType<typeof request>, every?: number): Promise<Grant> {
      return eventually(
        async () => {
          const reply = await tryAcquire(driver, wanted);
          return reply.granted && reply.grant;
        },
        { every },
      );
    }

    async function takeAndRelease(driver: Driver, lock: string): Promise<number> {
      const grant = await take(driver, fencedRequest(lock));
      expect(await driver.locks.release(grant)).toBe(true);
      return tokenOf(grant);
    }

    it('are given when they are asked for, and only then', async () => {
      const lock = freshName();
      const plain = granted(await tryAcquire(right, request(lock)));
      expect(plain).not.toHaveProperty('fencingToken');
      await right.locks.release(plain);
      const fenced = granted(await tryAcquire(right, fencedRequest(lock)));
      expect(Number.isSafeInteger(fenced.tokens?.first)).toBe(true);
      expect(fenced.tokens?.first).toBeGreaterThan(0);
      await right.locks.release(fenced);
    });

    it('grow with every lease of the name, whoever takes it and whatever its clock says', async () => {
      const lock = freshName();
      let last = 0;
      for (let round = 0; round < 5; round += 1) {
        for (const driver of [ahead, right, behind]) {
          const token = await takeAndRelease(driver, lock);
          expect(token).toBeGreaterThan(last);
          expect(Number.isSafeInteger(token)).toBe(true);
          last = token;
        }
      }
    });

    it('grow over leases without one', async () => {
      const lock = freshName();
      let last = await takeAndRelease(ahead, lock);
      for (let round = 0; round < 5; round += 1) {
        // One and two in between: a record may have two places that take turns.
        for (let plain = 0; plain <= round % 2; plain += 1) {
          await right.locks.release(await take(right, request(lock)));
        }
        const token = await takeAndRelease(behind, lock);
        expect(token).toBeGreaterThan(last);
        last = token;
      }
    });

    it('grow over a lock that was broken', async () => {
      const lock = freshName();
      const lost = tokenOf(await take(ahead, fencedRequest(lock)));
      // On one machine the processes have one clock, and a request to break ends by it: so not by one that is off.
      expect(await breakLock(ahead, lock)).toBe(true);
      expect(await takeAndRelease(behind, lock)).toBeGreaterThan(lost);
    });

    it('grow over a lease that expired, where leases expire', async () => {
      if (right.traits.lifetime === 'process') return;
      const lock = freshName();
      const lost = tokenOf(await take(ahead, fencedRequest(lock, 100)));
      expect(await takeAndRelease(behind, lock)).toBeGreaterThan(lost);
    });

    it('grow over a lease that was renewed', async () => {
      const lock = freshName();
      const grant = await take(ahead, fencedRequest(lock));
      expect(await renewed(ahead, grant, 10_000)).toBe(true);
      expect(await ahead.locks.release(grant)).toBe(true);
      expect(await takeAndRelease(behind, lock)).toBeGreaterThan(tokenOf(grant));
    });

    it('grow over the end of every driver that knew them', async () => {
      const lock = freshName();
      const last = await takeAndRelease(ahead, lock);
      await Promise.all(all.map((driver) => driver.stop()));
      const next = harness.create({ ...recordingContext(), clock: clockOffBy(-2 * HOUR) });
      await next.start();
      try {
        expect(await takeAndRelease(next, lock)).toBeGreaterThan(last);
      } finally {
        await next.stop();
      }
    });

    it('are given to no lease that is refused', async () => {
      const lock = freshName();
      const grant = await take(ahead, fencedRequest(lock));
      const reply = await tryAcquire(right, fencedRequest(lock));
      expect(reply.granted).toBe(false);
      expect(reply).not.toHaveProperty('grant');
      await ahead.locks.release(grant);
      expect(await takeAndRelease(behind, lock)).toBeGreaterThan(tokenOf(grant));
    });

    it('of different names do not wait for each other', async () => {
      const [one, other] = [freshName(), freshName()];
      const first = await take(ahead, fencedRequest(one));
      const second = await take(behind, fencedRequest(other));
      expect(tokenOf(second)).toBeGreaterThan(0);
      await Promise.all([ahead.locks.release(first), behind.locks.release(second)]);
    });

    it(`grow in the order of ${3 * LEASES} leases that three members fight for`, async () => {
      const lock = freshName();
      const tokens: number[] = [await takeAndRelease(ahead, lock)];
      const compete = async (driver: Driver): Promise<void> => {
        for (let lease = 0; lease < LEASES; lease += 1) {
          const fencing = lease % 4 !== 3;
          const grant = await take(driver, { ...request(lock), fencing }, Math.random() * 4);
          // Under the lock, so this is the order of the leases.
          if (fencing) tokens.push(tokenOf(grant));
          await driver.locks.release(grant);
        }
      };
      await Promise.all(all.map(compete));
      expect(tokens).toHaveLength(1 + 3 * LEASES * 0.75);
      const falls = tokens.filter((token, index) => index > 0 && token <= tokens[index - 1]!);
      expect(falls).toEqual([]);
    });
  });
}
