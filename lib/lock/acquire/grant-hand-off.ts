import type { Clock } from '../../common/clock.js';
import { type Grant, type Loss, TRUSTED_MS } from '../../drivers/driver.js';
import { type Deadline, type HeldLease, type LeaseBounds, usableTime } from '../lease/index.js';

/** How many leases one grant may carry before other processes get their turn. */
export const MOST_LEASES = 16;

/** How long after the grant a lease may still be handed on, ms: other processes wait meanwhile. */
const LONGEST_HAND_ON = 50;

/** The terms that leases must have in common to follow one another under one grant. */
export interface HandOffTerms {
  readonly ttl: number;
  readonly fencing: boolean;
  readonly bounds?: LeaseBounds | undefined;
}

/**
 * One grant of the back end, and the leases that it carries, one after the other: a lease that ends is handed on to the
 * next waiter of this process without asking the back end.
 */
export class GrantHandOff {
  readonly #clock: Clock;
  readonly #terms: HandOffTerms;
  /** Whether it may carry more than one lease. */
  #handsOn: boolean;
  #grant?: Grant;
  #since = 0;
  #left = MOST_LEASES;
  #lease?: HeldLease;
  /** Why the back end took the grant away. */
  #revoked?: Loss | undefined;

  constructor(clock: Clock, terms: HandOffTerms, handsOn: boolean) {
    this.#clock = clock;
    this.#terms = terms;
    this.#handsOn = handsOn;
  }

  /** How many leases it may carry; as many fencing tokens it needs. */
  get size(): number {
    return this.#handsOn ? MOST_LEASES : 1;
  }

  /** The back end took the grant away. */
  readonly revoke = (loss: Loss): void => {
    this.#revoked = loss;
    this.#lease?.lose(loss);
  };

  /**
   * Begins with the grant of the back end; false when that was taken away before.
   * @param now on the monotonic clock, ms
   */
  begin(grant: Grant, now: number): boolean {
    if (this.#revoked) {
      this.#revoked = undefined;
      return false;
    }
    this.#grant = grant;
    this.#since = now;
    // Each lease has a token of its own, and the driver may have reserved fewer than were asked for.
    this.#left = Math.min(MOST_LEASES, grant.tokens?.count ?? MOST_LEASES);
    return true;
  }

  /** When it began, on the monotonic clock, ms. */
  get since(): number {
    return this.#since;
  }

  /** The grant under which the next lease stands; each lease has a fencing token of its own. */
  next(): Grant {
    const grant = this.#grant as Grant;
    this.#left -= 1;
    const { tokens } = grant;
    if (tokens) this.#grant = { ...grant, tokens: { first: tokens.first + 1, count: tokens.count - 1 } };
    return grant;
  }

  /** The next lease has begun. It is lost at once if the grant was taken away since it came. */
  carry(lease: HeldLease): void {
    this.#lease = lease;
    if (this.#revoked) lease.lose(this.#revoked);
  }

  /**
   * Whether another lease may follow the one that ends now.
   * @param deadline of that one
   */
  mayHandOn(deadline: Deadline): boolean {
    const until = this.#since + LONGEST_HAND_ON;
    return this.#handsOn && this.#left > 0 && this.#clock.monotonic() < until && this.mayBegin(deadline);
  }

  /**
   * Whether a lease may begin without asking the back end. No message tells that a lock was broken. So the last answer counts
   * only as long as no other process can have the lock: a later holder would be there already, with a larger token.
   */
  mayBegin(deadline: Deadline): boolean {
    return !this.#revoked && !deadline.over && deadline.age < usableTime(TRUSTED_MS);
  }

  /** Others share the lock from now on; the next waiter of this process must not come before them. */
  share(): void {
    this.#handsOn = false;
  }

  /** The lease has ended, and the grant is still there. */
  handOn(deadline: Deadline): HandedOnGrant {
    this.#lease = undefined;
    return { handOff: this, deadline };
  }

  /** A lease with bounds has a grant of its own, which the back end keeps for as long as the bounds say. */
  suits({ ttl, fencing, bounds }: HandOffTerms): boolean {
    return ttl === this.#terms.ttl && fencing === this.#terms.fencing && !bounds;
  }

  get grant(): Grant {
    return this.#grant as Grant;
  }
}

/** A grant that the next waiter of this process may have, with the deadline that the back end has confirmed. */
export interface HandedOnGrant {
  readonly handOff: GrantHandOff;
  readonly deadline: Deadline;
}
