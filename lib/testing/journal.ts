import type { LockMode } from '../drivers/driver.js';
import type { CoordinatorService } from '../coordinator.service.js';

/**
 * A lock that a call took.
 * @publicApi
 */
export interface TakenLock {
  /** Without the prefix. */
  readonly name: string;
  /** Whether others could have it at the same time. */
  readonly mode: LockMode;
  /** A whole number, where it was asked for. */
  readonly fencingToken?: number;
  /** How long the call took to get it, ms. */
  readonly waited: number;
  /** Whether it has been given back by now; false also for a lease that was lost. */
  readonly released: boolean;
}

interface Entry extends TakenLock {
  readonly memberId: string;
  released: boolean;
  over: boolean;
}

/** The locks that the coordinators of the application took, in the order in which they got them. */
export class Journal {
  readonly #entries: Entry[] = [];

  /** @param modeOf how the lock of that name is held now */
  constructor(private readonly modeOf: (name: string) => LockMode) {}

  /** Follows the coordinator for as long as it is there. */
  follow(coordinator: CoordinatorService): void {
    coordinator.on('lease.acquired', ({ lock: name, memberId, waited, fencingToken }) => {
      const token = fencingToken === undefined ? {} : { fencingToken };
      const mode = this.modeOf(name);
      this.#entries.push({ name, mode, ...token, waited, memberId, released: false, over: false });
    });
    coordinator.on('lease.released', ({ lock, memberId }) => this.#end(lock, memberId, true));
    coordinator.on('lease.lost', ({ lock, memberId }) => this.#end(lock, memberId, false));
  }

  get size(): number {
    return this.#entries.length;
  }

  /** The entries from that one on, as they are now. */
  from(start: number): readonly TakenLock[] {
    return this.#entries.slice(start).map(({ memberId, over, ...taken }) => taken);
  }

  /** The names that are held now, in the order in which they were taken. */
  get held(): readonly string[] {
    return this.#entries.filter(({ over }) => !over).map(({ name }) => name);
  }

  /** Ends the first of several leases that share a lock: the events tell no difference between them. */
  #end(name: string, memberId: string, released: boolean): void {
    const entry = this.#entries.find(
      (each) => each.name === name && each.memberId === memberId && !each.over,
    );
    if (entry) Object.assign(entry, { released, over: true });
  }
}
