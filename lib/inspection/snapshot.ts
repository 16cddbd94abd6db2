import type { LockManager } from '../lock/index.js';
import type { CallOrigin } from '../common/call-origin.js';
import { isPermit, isTurn } from './lock-kinds.js';
import type { ToldLease, ToldMember } from './told.js';

/** So many leases, and so many waiting calls, are reported one by one: the oldest. */
export const MOST_TOLD = 200;

/**
 * The leases and the waiting calls of one coordinator at this moment. One fixed difference turns times of the monotonic clock into
 * those of the wall clock, so that a lease that has not changed is reported in the same words.
 */
export class Snapshots {
  readonly #wallAtZero: number;

  constructor(private readonly manager: LockManager) {
    const { clock } = manager;
    this.#wallAtZero = clock.wall() - clock.monotonic();
  }

  /**
   * Makes an entry only for what is reported: a member may have ten thousand leases, and this runs with every heartbeat.
   * @param most how many of each are reported one by one
   */
  take(most = MOST_TOLD): ToldMember {
    const { holdings, waitingCalls, memberId, incarnation } = this.manager;
    // The caller that has the turn waits for all permits at once. It is reported once, with its turn.
    const leases = holdings.filter(({ lease }) => !isTurn(lease.name));
    const turns = leases.length < holdings.length ? holdings.filter(({ lease }) => isTurn(lease.name)) : [];
    const calls = waitingCalls.filter(({ terms }) => !isPermit(terms.name));
    const waits: Wait[] = [
      ...turns.map(({ lease, since, origin }) => ({ name: lease.name, since, origin })),
      ...calls.map(({ terms, since }) => ({ name: terms.name, since, origin: terms.origin })),
    ];
    return {
      memberId,
      incarnation,
      held: leases.length,
      waiting: waits.length,
      leases: oldest(leases, most).map(({ lease, since, origin }) => ({
        ...leaseOf(lease, this.#wall(since)),
        ...origin,
      })),
      waits: oldest(waits, most).map(({ name, since, origin }) => ({
        name,
        since: this.#wall(since),
        ...origin,
      })),
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
    // A lease that does not end by time has none.
    ...(Number.isFinite(deadline) && { deadline }),
  };
}

interface Wait {
  readonly name: string;
  /** On the monotonic clock, ms. */
  readonly since: number;
  readonly origin: CallOrigin | undefined;
}

interface Begun {
  /** On the monotonic clock, ms. */
  readonly since: number;
}

const bySince = (one: Begun, other: Begun): number => one.since - other.since;

/** Looks at each once. They are nearly in order, so a later one seldom displaces one of those found. */
function oldest<T extends Begun>(all: readonly T[], most: number): readonly T[] {
  const found = all.slice(0, most).sort(bySince);
  for (const item of all.slice(most)) {
    const last = found.at(-1);
    if (!last || item.since >= last.since) continue;
    found.pop();
    const place = found.findIndex((each) => each.since > item.since);
    found.splice(place === -1 ? found.length : place, 0, item);
  }
  return found;
}
