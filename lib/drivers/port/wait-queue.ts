import type { Claim, Granted, Taken } from './claim.js';

/** The order of the waiters. */
export interface WaitQueue {
  /**
   * A place to wait at. Nothing is done before its first try, so a place that needs no waiting costs nothing. Shared claims that stand
   * one behind the other have their turn together; none of them comes before an exclusive one that waits.
   * @param wake called whenever a try from this place may succeed, until it is left. Spurious calls are allowed; lost
   * ones are not the norm, but the caller looks by itself at least every second.
   */
  enqueue(claim: Claim, wake: () => void): QueuedWaiter;
}

/** Where one contender waits for a lock: first come, first served. */
export interface QueuedWaiter {
  /** One try from here, one at a time. The first one that finds the lock taken keeps the place. */
  tryAcquire(): Promise<Granted | Taken>;

  /**
   * Called after a try has failed: settles when wake-ups can no longer be missed, or when it is clear that none will
   * come, and never rejects; undefined when that try could have missed none.
   */
  ready(): Promise<void> | undefined;

  /**
   * Gives the place up, not a lease that was got at it; what it may be granted from now on is freed. Called once, with no
   * try under way. Never rejects; undefined when there is nothing to wait for.
   */
  leave(): Promise<void> | undefined;
}
