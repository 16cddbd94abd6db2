import { BackendUnavailableError } from '../../../lib/errors.js';
import { take } from '../../../lib/lock/index.js';
import type { LeaseBounds } from '../../../lib/lock/lease/index.js';
import { HeldLease } from '../../../lib/lock/lease/held-lease.js';
import type { LockManager } from '../../../lib/lock/lock-manager.js';
import type { Member } from './member.js';
import type { Random } from './random.js';

/** They are no other call's. */
export const MOVED = ['x', 'y', 'z'];

/** How often a body ends without giving its lease back, as if its process had been killed. */
const LEFT = 0.15;

/**
 * What a process does that works under several locks at once, in any order, with bounds on how long they are held.
 *
 * A lease on several stands in the history as one of each lock, so the judges of locks judge it; that of bounds looks at how long each
 * lock was kept.
 */
export class Mover {
  readonly #ttl: number;

  constructor(
    private readonly member: Member,
    private readonly manager: LockManager,
    private readonly random: Random,
  ) {
    // The nodes sit out the longest ttl after a restart: no lease is to be kept for longer than the usual one.
    this.#ttl = Math.round(manager.settings.ttl / 3);
  }

  /** @param until when nothing more is begun, on the judge's clock, ms */
  async run(until: number): Promise<void> {
    const { member, random } = this;
    while (member.now < until) {
      await member.sleep(random.between(0, this.#ttl));
      await this.#move();
    }
  }

  #bounds(): LeaseBounds {
    const { random } = this;
    return {
      minHold: random.chance(0.4) ? 2 * this.#ttl : 0,
      maxHold: random.chance(0.3) ? 2.5 * this.#ttl : Infinity,
      lockDelay: random.chance(0.4) ? this.#ttl : 0,
    };
  }

  #names(): string[] {
    const names = MOVED.filter(() => this.random.chance(0.7));
    return this.random.chance(0.5) ? names : names.toReversed();
  }

  async #move(): Promise<void> {
    const { member, random, manager } = this;
    const { journal } = member.place;
    const names = this.#names();
    if (names.length < 2) return;
    const bounds = this.#bounds();
    const budget = random.between(1, 6 * this.#ttl);
    const asked = member.now;
    const attempts = names.map((lock) => {
      const attempt = journal.name('move');
      journal.add({ type: 'attempt', at: member.now, attempt, worker: member.settings.name, lock, budget });
      return attempt;
    });
    const all = (add: (attempt: string, index: number) => void): void => attempts.forEach(add);
    let result: Awaited<ReturnType<typeof take>>;
    try {
      result = await take(manager, {
        name: names.join(' + '),
        names,
        ttl: this.#ttl,
        fencing: true,
        fair: random.chance(0.3),
        bounds,
        waitLimit: manager.waitLimit(budget),
        label: '',
      });
    } catch (error) {
      if (!(error instanceof BackendUnavailableError)) throw error;
      return all((attempt) => journal.add({ type: 'failed', at: member.now, attempt, error: error.name }));
    }
    if (!(result instanceof HeldLease))
      return all((attempt) => journal.add({ type: 'refused', at: member.now, attempt }));
    await this.#use(result, names, attempts, asked, bounds);
  }

  async #use(
    lease: HeldLease,
    names: readonly string[],
    attempts: readonly string[],
    asked: number,
    bounds: LeaseBounds,
  ): Promise<void> {
    const { member, random } = this;
    const { journal } = member.place;
    const { signal } = lease;
    journal.reached('several locks held', member.now);
    const leases = names.map((name, index) => {
      const each = journal.name('part');
      const token = lease.fencingTokenOf(name);
      // The process may have been stopped since then. Each lock is kept from when it was taken itself: after it was asked for.
      const at = member.now;
      const minHold = Math.max(0, bounds.minHold - (at - asked));
      const more = { ttl: this.#ttl, token, bounds: { ...bounds, minHold } };
      journal.add({ type: 'granted', at, attempt: attempts[index] ?? '', lease: each, ...more });
      return each;
    });
    const end = member.now + random.skewed(1, 4 * this.#ttl);
    do {
      const at = member.now;
      if (signal.aborted) break;
      for (const each of leases) journal.add({ type: 'held', at, lease: each });
      await member.sleep(random.between(1, this.#ttl / 2));
    } while (member.now < end);
    const called = member.now;
    const { lost } = lease;
    for (const each of leases)
      if (lost) journal.add({ type: 'lost', at: called, lease: each, reason: lost.reason });
    if (lost) journal.reached(`lease on several lost: ${lost.reason}`, called);
    else if (random.chance(LEFT)) return this.#leave(lease, leases);
    const ended = (confirmed: boolean | 'unconfirmed'): void => {
      for (const each of leases)
        journal.add({ type: 'released', at: member.now, lease: each, called, confirmed });
    };
    // Its process may be killed before the reply.
    ended('unconfirmed');
    const [released] = await Promise.allSettled([lease.release()]);
    ended(released.status === 'fulfilled' ? released.value : 'unconfirmed');
  }

  /** It is renewed no more, and nobody frees it. */
  #leave(lease: HeldLease, leases: readonly string[]): void {
    const { now: at, place } = this.member;
    place.journal.reached('lease left behind', at);
    for (const each of leases) place.journal.add({ type: 'lost', at, lease: each, reason: 'left behind' });
    lease.lose({ reason: 'stopped', message: 'left behind' });
  }
}
