import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/common/clock.js';
import type {
  AcquireReply,
  BackendChange,
  Driver,
  DriverContext,
  Grant,
  Loss,
  QueuedWaiter,
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
export function granted(reply: AcquireReply): Grant {
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
    this.#place = driver.enqueue(request(lock), () => {
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
  const [outcome, ...more] = await driver.renew([grant], ttl);
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
      const first = granted(await a.tryAcquire(request(lock)));
      expect(first.name).toBe(lock);
      await a.release(first);
      const second = granted(await a.tryAcquire(request(lock)));
      expect(second.id).not.toBe(first.id);
      await a.release(second);
    });

    it('refuses a lock that another member holds', async () => {
      const lock = freshName();
      const grant = granted(await a.tryAcquire(request(lock)));
      expect((await b.tryAcquire(request(lock))).granted).toBe(false);
      await a.release(grant);
      await b.release(granted(await b.tryAcquire(request(lock))));
    });

    it('refuses a lock that the same member holds', async () => {
      const lock = freshName();
      const grant = granted(await a.tryAcquire(request(lock)));
      expect((await a.tryAcquire(request(lock))).granted).toBe(false);
      expect(await a.release(grant)).toBe(true);
    });

    it('keeps locks of different names apart', async () => {
      const first = granted(await a.tryAcquire(request(freshName())));
      const second = granted(await b.tryAcquire(request(freshName())));
      expect(await a.release(first)).toBe(true);
      expect(await b.release(second)).toBe(true);
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
      const grant = granted(await a.tryAcquire(request(lock)));
      expect((await b.tryAcquire(request(lock))).granted).toBe(false);
      expect(await a.release(grant)).toBe(true);
    });

    it('releases once, and says so', async () => {
      const grant = granted(await a.tryAcquire(request(freshName())));
      expect(await a.release(grant)).toBe(true);
      expect(await a.release(grant)).toBe(false);
    });

    it('never frees the lease of somebody else by a late release', async () => {
      const lock = freshName();
      const old = granted(await a.tryAcquire(request(lock)));
      await a.release(old);
      const current = granted(await b.tryAcquire(request(lock)));
      expect(await a.release(old)).toBe(false);
      expect(await b.isOwner(current)).toBe(true);
      expect((await a.tryAcquire(request(lock))).granted).toBe(false);
      await b.release(current);
    });

    it('knows the owner', async () => {
      const grant = granted(await a.tryAcquire(request(freshName())));
      expect(await a.isOwner(grant)).toBe(true);
      await a.release(grant);
      expect(await a.isOwner(grant)).toBe(false);
    });

    it('renews a lease that is held, and never creates one', async () => {
      const lock = freshName();
      const grant = granted(await a.tryAcquire(request(lock)));
      expect(await renewed(a, grant, 10_000)).toBe(true);
      await a.release(grant);
      if (!a.leasesExpire) return;
      expect(await renewed(a, grant, 10_000)).toBe(false);
      // A release is over when a quorum has done it, and the node that keeps the order may be the last to do it.
      const next = await eventually(async () => {
        const reply = await b.tryAcquire(request(lock));
        return reply.granted ? reply.grant : undefined;
      });
      expect(await renewed(a, grant, 10_000)).toBe(false);
      expect(await b.isOwner(next)).toBe(true);
      await b.release(next);
    });

    it('renews several leases at once, and says of each what became of it', async () => {
      const names = Array.from({ length: 20 }, (_, index) => freshName(index % 2 === 0 ? 'lock' : '{tag}'));
      const grants: Grant[] = [];
      for (const lock of names) grants.push(granted(await a.tryAcquire(request(lock))));
      await a.release(grants[3]!);
      await b.break(names[8]!);
      await a.release(grants[14]!);
      const next = granted(await b.tryAcquire(request(names[14]!)));
      const outcomes = await a.renew(grants, 10_000);
      expect(
        outcomes.map((outcome) => (outcome.kind === 'lost' ? outcome.loss.reason : outcome.kind)),
      ).toEqual(
        names.map((_, index) =>
          index === 14 && a.leasesExpire ? 'taken-over' : [3, 8, 14].includes(index) ? 'broken' : 'renewed',
        ),
      );
      expect(await b.isOwner(next)).toBe(true);
      await b.release(next);
      for (const grant of grants) await a.release(grant);
    });

    it('renews nothing for nobody', async () => {
      expect(await a.renew([], 10_000)).toEqual([]);
    });

    it('frees a lease at the end of its ttl where leases expire', async () => {
      if (!a.leasesExpire) return;
      const lock = freshName();
      const grant = granted(await a.tryAcquire(request(lock, 100)));
      const next = await eventually(async () => {
        const reply = await b.tryAcquire(request(lock));
        return reply.granted ? reply.grant : undefined;
      });
      expect(await a.isOwner(grant)).toBe(false);
      expect(await a.release(grant)).toBe(false);
      await b.release(next);
    });

    it('breaks a lock whoever holds it', async () => {
      const lock = freshName();
      const lost = request(lock);
      const grant = granted(await a.tryAcquire(lost));
      expect(await b.break(lock)).toBe(true);
      expect(await a.isOwner(grant)).toBe(false);
      expect(await a.release(grant)).toBe(false);
      if (!a.leasesExpire) expect(lost.revoked).toHaveLength(1);
      await b.release(granted(await b.tryAcquire(request(lock))));
    });

    it('says that there was nothing to break', async () => {
      expect(await a.break(freshName())).toBe(false);
    });

    it('wakes who waits when the lock is released', async () => {
      const lock = freshName();
      const grant = granted(await a.tryAcquire(request(lock)));
      const waiter = new SuiteWaiter(b, lock);
      await waiter.enqueue();
      await a.release(grant);
      await b.release(await waiter.turn());
    });

    it('keeps the order of those who wait, in whichever process', async () => {
      const lock = freshName();
      const grant = granted(await a.tryAcquire(request(lock)));
      const waiters = [b, a, b, a, a, b].map((driver) => new SuiteWaiter(driver, lock));
      for (const waiter of waiters) await waiter.enqueue();
      let last: [Driver, Grant] = [a, grant];
      for (const [index, waiter] of waiters.entries()) {
        const [holder, held] = last;
        await holder.release(held);
        last = [waiter.driver, await waiter.turn()];
        for (const later of waiters.slice(index + 1)) expect(later.granted).toBe(false);
      }
      await last[0].release(last[1]);
    });

    it('lets nobody in before those who wait', async () => {
      const lock = freshName();
      const grant = granted(await a.tryAcquire(request(lock)));
      const waiter = new SuiteWaiter(b, lock);
      await waiter.enqueue();
      await a.release(grant);
      expect((await a.tryAcquire(request(lock))).granted).toBe(false);
      await b.release(await waiter.turn());
    });

    it('goes on with the next one when somebody leaves', async () => {
      const lock = freshName();
      const grant = granted(await a.tryAcquire(request(lock)));
      const waiters = [b, a, b].map((driver) => new SuiteWaiter(driver, lock));
      for (const waiter of waiters) await waiter.enqueue();
      await waiters[1]?.leave();
      await a.release(grant);
      // It may be its turn by now, and nobody takes it.
      await waiters[0]?.leave();
      await b.release((await waiters[2]?.turn()) as Grant);
      await a.release(granted(await a.tryAcquire(request(lock))));
    });

    it('gives a lock to one of many who try at once', async () => {
      const lock = freshName();
      for (let round = 0; round < 20; round += 1) {
        // A split vote over several nodes may leave a round without a winner; two winners are never right.
        const replies = await Promise.all([a.tryAcquire(request(lock)), b.tryAcquire(request(lock))]);
        const winners = replies.filter((reply) => reply.granted);
        expect(winners.length).toBeLessThanOrEqual(1);
        await Promise.all(
          replies.map(async (reply, index) => reply.granted && [a, b][index]!.release(reply.grant)),
        );
      }
    });

    it('announces and withdraws a member, again and again', async () => {
      await a.announce('member-1', 1000);
      await a.announce('member-1', 1000);
      await a.withdraw('member-1');
      await a.withdraw('member-1');
      await a.announce('member-1', 1000);
      await a.withdraw('member-1');
    });

    it('stops twice without complaint', async () => {
      await a.stop();
      await a.stop();
    });
  });
}
