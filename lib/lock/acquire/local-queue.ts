import type { BackendUnavailableError } from '../../errors.js';
import type { HandedOnGrant } from './grant-hand-off.js';

/** A place in a {@link LocalQueue}. */
interface LocalWaiter {
  readonly admit: () => void;
}

export interface Outage {
  readonly since: number;
  readonly error: BackendUnavailableError;
}

/**
 * First come, first served, one inside at a time: a call that enters keeps the place until `leave`.
 * One such queue stands in front of each lock, so that a process has one contender per lock.
 */
export class LocalQueue {
  #occupied = false;
  /** Made for the first waiter: most locks never have one. */
  #waiters?: Set<LocalWaiter>;
  #outage?: Outage | undefined;
  #handedOn?: HandedOnGrant | undefined;
  #takenUntil = 0;

  /** @param key of the lock, where the queue is that of a lock */
  constructor(readonly key = '') {}

  /**
   * Since when, on the monotonic clock in ms, the back end does not answer the call inside, and its last error. Kept
   * for the waiters behind, which would otherwise count the outage from the start one after the other.
   */
  get outage(): Outage | undefined {
    return this.#outage;
  }

  /** @param outage undefined when the back end has answered */
  noteOutage(outage: Outage | undefined): void {
    this.#outage = outage;
  }

  /**
   * How long the lease of the present holder lasts, ms, as far as the call inside was told: for those that are refused behind it.
   * @param now on the monotonic clock, ms
   */
  remainingAt(now: number): number | undefined {
    return this.#takenUntil > now ? this.#takenUntil - now : undefined;
  }

  /** @param until on the monotonic clock, ms; 0 when that is not known */
  noteTaken(until: number): void {
    this.#takenUntil = until;
  }

  /** The call inside goes out, and leaves a grant for the next waiter. */
  handOn(grant: HandedOnGrant): void {
    this.#handedOn = grant;
  }

  /** What the call before has left, once. */
  takeHandedOn(): HandedOnGrant | undefined {
    const grant = this.#handedOn;
    this.#handedOn = undefined;
    return grant;
  }

  /** True when no call is inside or waiting. */
  get idle(): boolean {
    return !this.#occupied;
  }

  /** How many wait outside. */
  get length(): number {
    return this.#waiters?.size ?? 0;
  }

  /** Enters if no call is inside; never waits. */
  tryEnter(): boolean {
    if (this.#occupied) return false;
    this.#occupied = true;
    return true;
  }

  /**
   * Enters the queue. `admit` is called, with the place already taken, when it is this waiter's turn.
   * The returned function gives the place in the queue up; after `admit` it does nothing.
   */
  join(admit: () => void): () => void {
    const waiter: LocalWaiter = { admit };
    const waiters = (this.#waiters ??= new Set());
    waiters.add(waiter);
    return () => {
      waiters.delete(waiter);
    };
  }

  /** Goes out and lets the next one in. */
  leave(): void {
    if (this.#waiters)
      for (const next of this.#waiters) {
        this.#waiters.delete(next);
        next.admit();
        return;
      }
    this.#occupied = false;
  }
}
