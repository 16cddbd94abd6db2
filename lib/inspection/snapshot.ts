import type { LockManager } from '../lock/index.js';
import { namedLock } from './lock-kinds.js';
import type { ToldCall, ToldLease, ToldMember } from './told.js';

/** As many leases, and as many calls that wait, are told one by one: the oldest. */
export const MOST_TOLD = 200;

/**
 * What one coordinator holds and waits for at this moment. Times of the monotonic clock become those of the wall clock by one
 * difference for good, so that what has not changed is told in the same words.
 */
export class Snapshots {
  readonly #wallAtZero: number;

  constructor(private readonly manager: LockManager) {
    const { clock } = manager;
    this.#wallAtZero = clock.wall() - clock.monotonic();
  }

  /** @param most how many of each are told one by one */
  take(most = MOST_TOLD): ToldMember {
    const { holdings, waitingCalls } = this.manager;
    const leases: ToldLease[] = [];
    const waits: ToldCall[] = [];
    for (const { lease, since, origin } of holdings) {
      // The caller that has the turn waits for a permit.
      const isTurn = namedLock(lease.name).part === 'turn';
      if (isTurn) waits.push({ name: lease.name, since: this.#wall(since), ...origin });
      else leases.push({ ...leaseOf(lease, this.#wall(since)), ...origin });
    }
    for (const { terms, since } of waitingCalls) {
      // It waits for each of the permits, and is told with the turn.
      if (namedLock(terms.name).part === 'permit') continue;
      waits.push({
        name: terms.name,
        since: this.#wall(since),
        ...terms.origin,
      });
    }
    const { memberId, incarnation } = this.manager;
    return {
      memberId,
      incarnation,
      held: leases.length,
      waiting: waits.length,
      leases: oldest(leases, most),
      waits: oldest(waits, most),
    };
  }

  #wall(monotonic: number): number {
    return Math.round(this.#wallAtZero + monotonic);
  }
}

type Lease = LockManager['holdings'][number]['lease'];

function leaseOf({ name, grant, shared, fencingToken, deadline }: Lease, since: number): ToldLease {
  return {
    name,
    since,
    id: grant.id,
    ...(shared && { shared }),
    ...(fencingToken !== undefined && { token: fencingToken }),
    // Where leases do not end by time it is none.
    ...(Number.isFinite(deadline) && { deadline }),
  };
}

function oldest<T extends ToldCall>(calls: readonly T[], most: number): readonly T[] {
  return calls.toSorted((a, b) => a.since - b.since).slice(0, most);
}
