import { breakLock, enqueue, isOwner, tryAcquire } from './driver-calls.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/common/clock.js';
import type {
  BackendChange,
  Driver,
  DriverContext,
  Grant,
  Granted,
  Loss,
  QueuedWaiter,
  Taken,
} from '../../lib/drivers/driver.js';
import { eventually } from './eventually.js';

export interface DriverHarness {
  /** A new driver on the back end under test; each one stands for a process of its own. Not started. */
  create(context: DriverContext): Driver;
  /** Before and after all tests of the suite. */
  setUp?(): Promise<void>;
  tearDown?(): Promise<void>;
}

/** A context as a coordinator makes it, which remembers what the driver told. */
export function recordingContext(): DriverContext & { changes: BackendChange[]; warnings: string[] } {
  const changes: BackendChange[] = [];
  const warnings: string[] = [];
  return {
    clock: systemClock,
    random: Math.random,
    onBackendChange: (change) => changes.push(change),
    warn: (message) => warnings.push(message),
    changes,
    warnings,
  };
}

let counter = 0;

/** A lock name that nobody else uses. */
export function freshName(stem = 'lock'): string {
  counter += 1;
  return `${stem}-${process.pid}-${Date.now()}-${counter}`;
}

export function request(name: string, ttl = 10_000) {
  const revoked: string[] = [];
  const onRevoked = ({ message }: Loss): void => void revoked.push(message);
  return { name, ttl, fencing: false, memberId: 'member', onRevoked, revoked };
}

/** The grant of a reply that must be one. */
export function granted(reply: Granted | Taken): Grant {
  if (!reply.granted) throw new Error(`expected a grant, got ${JSON.stringify(reply)}`);
  return reply.grant;
}

/** Waits at a place as a contender does: tries when it is woken, or after a second. */
export class SuiteWaiter {
  readonly #place: QueuedWaiter;
  #wake: () => void = () => undefined;
  #woken = false;
  #granted: Grant | undefined;

  constructor(
    readonly driver: Driver,
    lock: string,
  ) {
    this.#place = enqueue(driver, request(lock), () => {
      this.#woken = true;
      this.#wake();
    });
  }

  get granted(): boolean {
    return this.#granted !== undefined;
  }

  /** Whether it has been woken since its last try. */
  get woken(): boolean {
    return this.#woken;
  }

  /** Tries a taken lock, so that it waits from now on. */
  async enqueue(): Promise<void> {
    expect((await this.#place.tryAcquire()).granted).toBe(false);
    const ready = this.#place.ready();
    if (!ready) return;
    await ready;
    expect((await this.#place.tryAcquire()).granted).toBe(false);
  }

  /** Its grant, when it comes. */
  async turn(): Promise<Grant> {
    return eventually(async () => {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#woken ? 0 : 1000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#woken = false;
      const reply = await this.#place.tryAcquire();
      if (!reply.granted) return undefined;
      this.#granted = reply.grant;
      await this.#place.leave();
      return reply.grant;
    });
  }

  async leave(): Promise<void> {
    await this.#place.leave();
  }
}

/** Renews one lease alone; false when it is lost, and rejects when that failed. */
export async function renewed(driver: Driver, grant: Grant, ttl: number): Promise<boolean> {
  const [outcome, ...more] = await driver.locks.renew([grant], ttl);
  expect(more).toEqual([]);
  if (outcome?.kind === 'failed') throw outcome.error;
  return outcome?.kind === 'renewed';
}

/** What every driver promises; each one has to pass it whole. */
export function describeDriver(name: string, harness: DriverHarness): void {
  describe(`the ${name} driver`, () => {
    let a: Driver;
    let b: Driver;
    let contextOfA: ReturnType<typeof recordingContext>;

    beforeAll(async () => {
      await harness.setUp?.();
    });

    afterAll(async () => {
      await harness.tearDown?.();
    });

    beforeEach(async () => {
      contextOfA = recordingContext();
      a = harness.create(contextOfA);
      b = harness.create(recordingContext());
      await Promise.all([a.start(), b.start()]);
    });

    afterEach(async () => {
      await Promise.all([a.stop(), b.stop()]);
    });

    it('describes itself for the log', () => {
      expect(a.description).toMatch(/^(memory|file|redis)/);
    });

    it('reports the back end as up once it is started', () => {
      expect(contextOfA.changes.map((change) => change.state)).toEqual(['up']);
    });

    it('grants a free lock, with an id of its own each time', async () => {
      const lock = freshName();
      const first = granted(await tryAcquire(a, request(lock)));
      expect(first.name).toBe(lock);
      await a.locks.release(first);
      const second = granted(await tryAcquire(a, request(lock)));
      expect(second.id).not.toBe(first.id);
      await a.locks.release(second);
    });

    it('refuses a lock that another member holds', async () => {
      const lock = freshName();
      const grant = granted(await tryAcquire(a, request(lock)));
      expect((await tryAcquire(b, request(lock))).granted).toBe(false);
      await a.locks.release(grant);
      await b.locks.release(granted(await tryAcquire(b, request(lock))));
    });

    it('refuses a lock that the same member holds', async () => {
      const lock = freshName();
      const grant = granted(await tryAcquire(a, request(lock)));
      expect((await tryAcquire(a, request(lock))).granted).toBe(false);
      expect(await a.locks.release(grant)).toBe(true);
    });

    it('keeps locks of different names apart', async () => {
      const first = granted(await tryAcquire(a, request(freshName())));
      const second = granted(await tryAcquire(b, request(freshName())));
      expect(await a.locks.release(first)).toBe(true);
      expect(await b.locks.release(second)).toBe(true);
    });

    it.each([
      '..',
      '../../etc/passwd',
      'a/b',
      '/',
      ' ',
      'naïve ☃',
      '{tag}',
      'a:b',
      'x'.repeat(5000),
      'line\nbreak',
      '*',
    ])('takes %j as a name like any other', async (strange) => {
      const lock = `${strange}${freshName(strange)}`;
      const grant = granted(await tryAcquire(a, request(lock)));
      expect((await tryAcquire(b, request(lock))).granted).toBe(false);
      expect(await a.locks.release(grant)).toBe(true);
    });

    it('releases once, and says so', async () => {
      const grant = granted(await tryAcquire(a, request(freshName())));
      expect(await a.locks.release(grant)).toBe(true);
      expect(await a.locks.release(grant)).toBe(false);
    });

    it('never frees the lease of somebody else by a late release', async () => {
      const lock = freshName();
      const old = granted(await tryAcquire(a, request(lock)));
      await a.locks.release(old);
      const current = granted(await tryAcquire(b, request(lock)));
      expect(await a.locks.release(old)).toBe(false);
      expect(await isOwner(b, current)).toBe(true);
      expect((await tryAcquire(a, request(lock))).granted).toBe(false);
      await b.locks.release(current);
    });

    it('knows the owner', async () => {
      const grant = granted(await tryAcquire(a, request(freshName())));
      expect(await isOwner(a, grant)).toBe(true);
      await a.locks.release(grant);
      expect(await isOwner(a, grant)).toBe(false);
    });

    it('renews a lease that is held, and never creates one', async () => {
      const lock = freshName();
      const grant = granted(await tryAcquire(a, request(lock)));
      expect(await renewed(a, grant, 10_000)).toBe(true);
      await a.locks.release(grant);
      if (a.traits.lifetime === 'process') return;
      expect(await renewed(a, grant, 10_000)).toBe(false);
      // A release is over when a quorum has done it, and the node that keeps the order may be the last to do it.
      const next = await eventually(async () => {
        const reply = await tryAcquire(b, request(lock));
        return reply.granted ? reply.grant : undefined;
      });
      expect(await renewed(a, grant, 10_000)).toBe(false);
      expect(await isOwner(b, next)).toBe(true);
      await b.locks.release(next);
    });

    it('renews several leases at once, and says of each what became of it', async () => {
      const names = Array.from({ length: 20 }, (_, index) => freshName(index % 2 === 0 ? 'lock' : '{tag}'));
      const grants: Grant[] = [];
      for (const lock of names) grants.push(granted(await tryAcquire(a, request(lock))));
      await a.locks.release(grants[3]!);
      await breakLock(b, names[8]!);
      await a.locks.release(grants[14]!);
      const next = granted(await tryAcquire(b, request(names[14]!)));
      const outcomes = await a.locks.renew(grants, 10_000);
      expect(
        outcomes.map((outcome) => (outcome.kind === 'lost' ? outcome.loss.reason : outcome.kind)),
      ).toEqual(
        names.map((_, index) =>
          index === 14 && a.traits.lifetime === 'lease'
            ? 'taken-over'
            : [3, 8, 14].includes(index)
              ? 'broken'
              : 'renewed',
        ),
      );
      expect(await isOwner(b, next)).toBe(true);
      await b.locks.release(next);
      for (const grant of grants) await a.locks.release(grant);
    });

    it('renews nothing for nobody', async () => {
      expect(await a.locks.renew([], 10_000)).toEqual([]);
    });

    it('frees a lease at the end of its ttl where leases expire', async () => {
      if (a.traits.lifetime === 'process') return;
      const lock = freshName();
      const grant = granted(await tryAcquire(a, request(lock, 100)));
      const next = await eventually(async () => {
        const reply = await tryAcquire(b, request(lock));
        return reply.granted ? reply.grant : undefined;
      });
      expect(await isOwner(a, grant)).toBe(false);
      expect(await a.locks.release(grant)).toBe(false);
      await b.locks.release(next);
    });

    it('breaks a lock whoever holds it', async () => {
      const lock = freshName();
      const lost = request(lock);
      const grant = granted(await tryAcquire(a, lost));
      expect(await breakLock(b, lock)).toBe(true);
      expect(await isOwner(a, grant)).toBe(false);
      expect(await a.locks.release(grant)).toBe(false);
      if (a.traits.lifetime === 'process') expect(lost.revoked).toHaveLength(1);
      await b.locks.release(granted(await tryAcquire(b, request(lock))));
    });

    it('says that there was nothing to break', async () => {
      expect(await breakLock(a, freshName())).toBe(false);
    });

    it('wakes who waits when the lock is released', async () => {
      const lock = freshName();
      const grant = granted(await tryAcquire(a, request(lock)));
      const waiter = new SuiteWaiter(b, lock);
      await waiter.enqueue();
      await a.locks.release(grant);
      await b.locks.release(await waiter.turn());
    });

    it('keeps the order of those who wait, in whichever process', async () => {
      const lock = freshName();
      const grant = granted(await tryAcquire(a, request(lock)));
      const waiters = [b, a, b, a, a, b].map((driver) => new SuiteWaiter(driver, lock));
      for (const waiter of waiters) await waiter.enqueue();
      let last: [Driver, Grant] = [a, grant];
      for (const [index, waiter] of waiters.entries()) {
        const [holder, held] = last;
        await holder.locks.release(held);
        last = [waiter.driver, await waiter.turn()];
        for (const later of waiters.slice(index + 1)) expect(later.granted).toBe(false);
      }
      await last[0].locks.release(last[1]);
    });

    it('lets nobody in before those who wait', async () => {
      const lock = freshName();
      const grant = granted(await tryAcquire(a, request(lock)));
      const waiter = new SuiteWaiter(b, lock);
      await waiter.enqueue();
      await a.locks.release(grant);
      expect((await tryAcquire(a, request(lock))).granted).toBe(false);
      await b.locks.release(await waiter.turn());
    });

    it('goes on with the next one when somebody leaves', async () => {
      const lock = freshName();
      const grant = granted(await tryAcquire(a, request(lock)));
      const waiters = [b, a, b].map((driver) => new SuiteWaiter(driver, lock));
      for (const waiter of waiters) await waiter.enqueue();
      await waiters[1]?.leave();
      await a.locks.release(grant);
      // It may be its turn by now, and nobody takes it.
      await waiters[0]?.leave();
      await b.locks.release((await waiters[2]?.turn()) as Grant);
      await a.locks.release(granted(await tryAcquire(a, request(lock))));
    });

    it('gives a lock to one of many who try at once', async () => {
      const lock = freshName();
      for (let round = 0; round < 20; round += 1) {
        // A split vote over several nodes may leave a round without a winner; two winners are never right.
        const replies = await Promise.all([tryAcquire(a, request(lock)), tryAcquire(b, request(lock))]);
        const winners = replies.filter((reply) => reply.granted);
        expect(winners.length).toBeLessThanOrEqual(1);
        await Promise.all(
          replies.map(async (reply, index) => reply.granted && [a, b][index]!.locks.release(reply.grant)),
        );
      }
    });

    it('tells who holds a lock, and lists it among all', async () => {
      const lock = freshName();
      expect(await b.locks.holders(lock)).toEqual([]);
      const grant = granted(await tryAcquire(a, request(lock)));
      const holder = { name: lock, key: grant.key, id: grant.id, holds: 'yes' };
      expect(await b.locks.holders(lock)).toMatchObject([holder]);
      expect((await b.locks.list()).filter(({ id }) => id === grant.id)).toMatchObject([holder]);
      await a.locks.release(grant);
      expect(await b.locks.holders(lock)).toEqual([]);
      expect((await b.locks.list()).filter(({ id }) => id === grant.id)).toEqual([]);
    });

    it('revokes the lease of a holder, and never that of a later one', async () => {
      const lock = freshName();
      const old = granted(await tryAcquire(a, request(lock)));
      const [holder] = await b.locks.holders(lock);
      await a.locks.release(old);
      const current = granted(await tryAcquire(a, request(lock)));
      expect(await b.locks.revoke(holder!)).toBe(false);
      expect(await isOwner(a, current)).toBe(true);
      await a.locks.release(current);
    });

    it('keeps a lock from everybody for a while after a release that asks for it', async () => {
      const lock = freshName();
      const grant = granted(await tryAcquire(a, request(lock)));
      const released = performance.now();
      expect(await a.locks.release(grant, 300)).toBe(true);
      expect(await isOwner(a, grant)).toBe(false);
      expect(await a.locks.release(grant, 300)).toBe(false);
      const next = await eventually(async () => {
        const reply = await tryAcquire(b, request(lock));
        return reply.granted ? reply.grant : undefined;
      });
      expect(performance.now() - released).toBeGreaterThanOrEqual(290);
      await b.locks.release(next);
    });

    describe('keeps records:', () => {
      const record = (key: string, version: number, value = `value ${version}`) => ({
        space: 'suite',
        key,
        version,
        value,
      });

      it('what one puts another gets, until it is removed', async () => {
        const key = freshName('{a}:b c/☃\n');
        expect(await b.records.get('suite', key)).toBeUndefined();
        expect(await a.records.put(record(key, 7), 10_000)).toMatchObject(record(key, 7));
        const found = await b.records.get('suite', key);
        expect(found).toMatchObject(record(key, 7));
        expect(found?.remaining).toBeGreaterThan(5000);
        expect(found?.remaining).toBeLessThanOrEqual(10_000);
        expect(await b.records.get('other', key)).toBeUndefined();
        await b.records.remove('suite', key, 7);
        await b.records.remove('suite', key, 7);
        expect(await a.records.get('suite', key)).toBeUndefined();
      });

      it('the larger version wins, and whoever puts is told what is there', async () => {
        const key = freshName();
        await a.records.put(record(key, 10), 10_000);
        expect(await b.records.put(record(key, 9), 10_000)).toMatchObject(record(key, 10));
        await b.records.remove('suite', key, 9);
        expect(await b.records.get('suite', key)).toMatchObject(record(key, 10));
        expect(await b.records.put(record(key, 11), 10_000)).toMatchObject(record(key, 11));
        expect(await a.records.get('suite', key)).toMatchObject(record(key, 11));
        await a.records.remove('suite', key, 11);
      });

      it('of two with one version the first one stays, and the same one lasts longer', async () => {
        const key = freshName();
        await a.records.put(record(key, 1, 'first'), 5000);
        expect(await b.records.put(record(key, 1, 'second'), 60_000)).toMatchObject({ value: 'first' });
        expect((await a.records.get('suite', key))?.remaining).toBeLessThanOrEqual(5000);
        await a.records.put(record(key, 1, 'first'), 60_000);
        expect((await b.records.get('suite', key))?.remaining).toBeGreaterThan(5000);
        await a.records.remove('suite', key, 1);
      });

      it('one that has expired is gone, and any version may follow', async () => {
        const key = freshName();
        await a.records.put(record(key, 5), 50);
        await eventually(async () => (await b.records.get('suite', key)) === undefined);
        expect((await b.records.list('suite')).filter((each) => each.key === key)).toEqual([]);
        expect(await b.records.put(record(key, 1), 10_000)).toMatchObject(record(key, 1));
        await b.records.remove('suite', key, 1);
      });

      it('a list has those of its space', async () => {
        const space = freshName('space');
        const keys = Array.from({ length: 12 }, () => freshName());
        for (const key of keys) await a.records.put({ ...record(key, 1), space }, 10_000);
        await a.records.remove(space, keys[3]!, 1);
        const listed = await b.records.list(space);
        expect(listed.map(({ key }) => key).toSorted()).toEqual(keys.toSpliced(3, 1).toSorted());
        expect(listed[0]).toMatchObject({ space, version: 1, value: 'value 1' });
        for (const key of keys) await a.records.remove(space, key, 1);
      });

      it('who watches a space is told of changes, until the watch ends', async () => {
        const space = freshName('space');
        let told = 0;
        const watch = b.records.watch(space, () => (told += 1));
        await watch.ready;
        await a.records.put({ ...record('key', 1), space }, 10_000);
        await eventually(() => told > 0);
        told = 0;
        await a.records.put({ ...record('key', 2), space }, 10_000);
        await eventually(() => told > 0);
        told = 0;
        await a.records.remove(space, 'key', 2);
        await eventually(() => told > 0);
        watch[Symbol.dispose]();
      });

      it('many writers of one record end with the largest version', async () => {
        const key = freshName();
        const versions = Array.from({ length: 40 }, (_, index) => ((index * 17) % 40) + 1);
        await Promise.all(
          versions.map((version, index) =>
            (index % 2 === 0 ? a : b).records.put(record(key, version), 10_000),
          ),
        );
        expect(await a.records.get('suite', key)).toMatchObject(record(key, 40));
        await a.records.remove('suite', key, 40);
      });
    });

    it('stops twice without complaint', async () => {
      await a.stop();
      await a.stop();
    });
  });
}
