import { randomUUID } from 'node:crypto';
import { setTimeout as after } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CoordinationOptions, CoordinatorService } from 'nestjs-coordination';
import { CoordinationLockStore, type LockAcquireResult } from 'nestjs-coordination/locks-store';
import { RecordedLog } from './recorded-log.js';
import type { BackendHarness } from './shared-suite.js';

/** Of the cases in which time runs out, ms. */
const TTL = 1000;
/** Of the others, ms. */
const LONG = 60_000;
const THIRTY_DAYS = 30 * 86_400_000;
const CALLERS = 16;
/** By how much a lock may outlast its ttl: a sixth as `@nestjs/locks` has it, and what a busy machine adds, ms. */
const LATEST = TTL + TTL / 6 + 3000;

const owners = Array.from({ length: CALLERS }, (_, index) => `owner-${index}`);

function tokenOf(result: LockAcquireResult): number {
  if (!result.acquired) throw new Error('the lock was not acquired');
  expect(Number.isSafeInteger(result.fencingToken)).toBe(true);
  expect(result.fencingToken).toBeGreaterThan(0);
  return result.fencingToken;
}

function winnersOf(results: readonly LockAcquireResult[]): number[] {
  return results.flatMap(({ acquired }, index) => (acquired ? [index] : []));
}

/** What `@nestjs/locks` expects of a store, on whichever back end. Each coordinator stands for a process of its own. */
export function describeLocksStore(
  backend: string,
  { begin, end }: BackendHarness,
  options: CoordinationOptions = {},
): void {
  describe(`the store of @nestjs/locks on ${backend}`, () => {
    let backendUrl = '';
    const coordinators: CoordinatorService[] = [];

    beforeAll(async () => {
      RecordedLog.install();
      backendUrl = await begin();
    });
    afterEach(async () => {
      await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.stop()));
    });
    afterAll(end);

    /** The stores of two processes. */
    async function stores(): Promise<[CoordinationLockStore, CoordinationLockStore]> {
      const made = [0, 1].map(() => new CoordinatorService({ backendUrl, stopTimeout: 500, ...options }));
      coordinators.push(...made);
      await Promise.all(made.map((coordinator) => coordinator.start()));
      return made.map((coordinator) => new CoordinationLockStore(coordinator)) as [
        CoordinationLockStore,
        CoordinationLockStore,
      ];
    }

    const newKey = (): string => `contract-${randomUUID()}:k`;

    /**
     * Asks for a lock that another owner has until it gets it.
     * @param since when the lock was asked for, or renewed last
     */
    async function takenOver(
      store: CoordinationLockStore,
      key: string,
      owner: string,
      since: number,
    ): Promise<number> {
      for (;;) {
        const result = await store.acquire(key, owner, LONG);
        const age = performance.now() - since;
        if (result.acquired) {
          expect(age).toBeGreaterThanOrEqual(TTL);
          expect(age).toBeLessThan(LATEST);
          return tokenOf(result);
        }
        expect(age).toBeLessThan(LATEST);
        await after(20);
      }
    }

    it('takes a free key once, for nobody else and not for the same owner again', async () => {
      const [a, b] = await stores();
      const key = newKey();
      tokenOf(await a.acquire(key, 'a', LONG));
      expect(await b.acquire(key, 'b', LONG)).toEqual({ acquired: false });
      expect(await a.acquire(key, 'b', LONG)).toEqual({ acquired: false });
      expect(await a.acquire(key, 'a', LONG)).toEqual({ acquired: false });
      expect(await a.release(key, 'a')).toBe(true);
    });

    it('frees a key for its owner alone, and the next token is larger, also in another process', async () => {
      const [a, b] = await stores();
      const key = newKey();
      const first = tokenOf(await a.acquire(key, 'a', LONG));
      expect(await a.release(key, 'b')).toBe(false);
      expect(await b.release(key, 'a')).toBe(false);
      expect(await b.acquire(key, 'b', LONG)).toEqual({ acquired: false });
      expect(await a.release(key, 'a')).toBe(true);
      expect(await a.release(key, 'a')).toBe(false);
      expect(tokenOf(await b.acquire(key, 'b', LONG))).toBeGreaterThan(first);
      expect(await b.release(key, 'b')).toBe(true);
    });

    it('renews and releases nothing where there is no lock', async () => {
      const [a] = await stores();
      const key = newKey();
      expect(await a.renew(key, 'a', LONG)).toBe(false);
      expect(await a.release(key, 'a')).toBe(false);
      tokenOf(await a.acquire(key, 'a', LONG));
      expect(await a.release(key, 'a')).toBe(true);
    });

    it('renews a lock for its owner alone, and does not bring back what is over', async () => {
      const [a, b] = await stores();
      let [key, renewedAt, renewed] = ['', 0, false];
      while (!renewed) {
        key = newKey();
        const since = performance.now();
        tokenOf(await a.acquire(key, 'a', TTL));
        while (performance.now() - since < TTL / 2) await after(20);
        renewedAt = performance.now();
        renewed = await a.renew(key, 'a', TTL);
        // A busy machine may have been too late, and then it is done again.
        if (!renewed) expect(performance.now() - since).toBeGreaterThanOrEqual(TTL);
      }
      expect(await a.renew(key, 'b', TTL)).toBe(false);
      expect(await b.renew(key, 'a', TTL)).toBe(false);
      await takenOver(b, key, 'b', renewedAt);
      expect(await a.renew(key, 'a', TTL)).toBe(false);
      expect(await b.release(key, 'b')).toBe(true);
    });

    it('ends a lock after its ttl, by milliseconds, and its owner can release it no more', async () => {
      const [a, b] = await stores();
      const key = newKey();
      const since = performance.now();
      tokenOf(await a.acquire(key, 'a', TTL));
      await takenOver(b, key, 'b', since);
      expect(await a.release(key, 'a')).toBe(false);
      expect(await a.acquire(key, 'c', LONG)).toEqual({ acquired: false });
      expect(await b.release(key, 'b')).toBe(true);
    });

    it('fences an owner off whose lock another one has got', async () => {
      const [a, b] = await stores();
      const key = newKey();
      const since = performance.now();
      const stale = tokenOf(await a.acquire(key, 'paused', TTL));
      expect(await takenOver(b, key, 'next', since)).toBeGreaterThan(stale);
      expect(await a.renew(key, 'paused', TTL)).toBe(false);
      expect(await a.release(key, 'paused')).toBe(false);
      expect(await a.acquire(key, 'paused', LONG)).toEqual({ acquired: false });
      expect(await b.release(key, 'next')).toBe(true);
    });

    it('gives tokens that grow however the lock was freed, and whichever process asks', async () => {
      const [a, b] = await stores();
      const key = newKey();
      const tokens: number[] = [];
      for (let round = 0; round < 6; round += 1) {
        const store = round % 2 === 0 ? a : b;
        tokens.push(tokenOf(await store.acquire(key, `owner-${round}`, LONG)));
        expect(await store.release(key, `owner-${round}`)).toBe(true);
      }
      const since = performance.now();
      tokens.push(tokenOf(await a.acquire(key, 'expires', TTL)));
      tokens.push(await takenOver(b, key, 'next', since));
      expect(await b.release(key, 'next')).toBe(true);
      // One of our own locks draws from the same counter.
      const lease = await coordinators[0]!.getLock(key, { fencing: true }).hold();
      tokens.push(lease.fencingToken!);
      await lease.release();
      expect(tokens).toEqual(tokens.toSorted((x, y) => x - y));
      expect(new Set(tokens).size).toBe(tokens.length);
    });

    it('keeps keys apart, however similar or long', async () => {
      const [a, b] = await stores();
      const long = 'ł€🔒x'.repeat(100);
      const alike = ['k', 'K', 'k ', ' k', 'k\t', 'a:b', 'a%3Ab', 'a:b:owner', '<k>', '{k}', 'é', 'e\u0301'];
      const names = [...alike, '__proto__', 'constructor', 'toString', `${long}x`, `${long}y`, `y${long}`];
      const prefix = `${newKey()}:`;
      for (const name of names) tokenOf(await a.acquire(prefix + name, `of ${name}`, LONG));
      for (const name of names) {
        expect(await b.acquire(prefix + name, 'other', LONG)).toEqual({ acquired: false });
        expect(await a.release(prefix + name, `of ${name}`)).toBe(true);
      }
    });

    it('takes a ttl of weeks, which 32 bits do not hold', async () => {
      const [a, b] = await stores();
      const key = newKey();
      tokenOf(await a.acquire(key, 'a', THIRTY_DAYS));
      expect(await a.renew(key, 'a', THIRTY_DAYS)).toBe(true);
      expect(await b.acquire(key, 'b', LONG)).toEqual({ acquired: false });
      expect(await a.release(key, 'a')).toBe(true);
    });

    it('lets one of many callers of two processes win, who has the largest token of all', async () => {
      const both = await stores();
      const race = (key: string): Promise<LockAcquireResult[]> =>
        Promise.all(owners.map((owner, index) => both[index % 2]!.acquire(key, owner, LONG)));
      const key = newKey();
      let last = 0;
      for (let round = 0; round < 5; round += 1) {
        const results = await race(key);
        const [winner = -1, ...others] = winnersOf(results);
        expect(others).toEqual([]);
        // Callers of two processes may split several nodes among them until all have given up.
        if (winner < 0) {
          round -= 1;
          continue;
        }
        const token = tokenOf(results[winner]!);
        expect(token).toBeGreaterThan(last);
        last = token;
        expect(await both[winner % 2]!.release(key, owners[winner]!)).toBe(true);
      }
    });

    it('lets one of many callers of a process win, each time', async () => {
      const [a] = await stores();
      const keys = Array.from({ length: 8 }, newKey);
      const results = await Promise.all(
        keys.flatMap((key) => owners.map((owner) => a.acquire(key, owner, LONG))),
      );
      for (const [index, key] of keys.entries()) {
        const winners = winnersOf(results.slice(index * CALLERS, (index + 1) * CALLERS));
        expect(winners).toHaveLength(1);
        expect(await a.release(key, owners[winners[0]!]!)).toBe(true);
      }
    });

    it('frees a lock while many ask for it, and one of them at most has it then', async () => {
      const [a] = await stores();
      const key = newKey();
      tokenOf(await a.acquire(key, 'holder', LONG));
      const [released, ...results] = await Promise.all([
        a.release(key, 'holder'),
        ...owners.map((owner) => a.acquire(key, owner, LONG)),
      ]);
      expect(released).toBe(true);
      const winners = winnersOf(results);
      expect(winners.length).toBeLessThanOrEqual(1);
      expect((await a.acquire(key, 'late', LONG)).acquired).toBe(winners.length === 0);
      const holder = winners.length === 0 ? 'late' : owners[winners[0]!]!;
      expect(await a.release(key, holder)).toBe(true);
    });

    it('has its names in common with the locks of this package', async () => {
      const [a] = await stores();
      const key = newKey();
      const lock = coordinators[1]!.getLock(key);
      tokenOf(await a.acquire(key, 'a', LONG));
      expect(await lock.acquire(false)).toBe(false);
      const waiting = lock.hold({ blocking: 20_000 });
      expect(await a.release(key, 'a')).toBe(true);
      const lease = await waiting;
      expect(await a.acquire(key, 'a', LONG)).toEqual({ acquired: false });
      await lease.release();
      tokenOf(await a.acquire(key, 'a', LONG));
      expect(await lock.break()).toBe(true);
      expect(await a.renew(key, 'a', LONG)).toBe(false);
    });
  });
}
