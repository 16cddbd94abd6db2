import type { Claim, Granted, Taken } from './claim.js';

/** The order of the waiters. */
export interface WaitQueue {
  /**
   * A place to wait at. It does nothing before its first try, so an acquisition that need not wait costs nothing. Neighbouring shared
   * claims have their turn together; none of them goes ahead of an exclusive claim that waits.
   * @param wake called whenever a try from this place may succeed, until the waiter leaves it. Spurious calls are allowed. Lost calls
   * should be rare; the caller looks by itself at least every second.
   */
  enqueue(claim: Claim, wake: () => void): QueuedWaiter;
}

/** The place of one waiter in the queue of a lock: first come, first served. */
export interface QueuedWaiter {
  /** Tries once from this place; tries do not overlap. The first try that finds the lock taken keeps the place. */
  tryAcquire(): Promise<Granted | Taken>;

  /**
   * Called after a failed try. Settles when no wake-up can be missed any more, or when it is clear that none will come; never rejects.
   * Returns undefined when that try could have missed none.
   */
  ready(): Promise<void> | undefined;

  /**
   * Gives the place up, but not a lease that was granted at it. A grant that still arrives for this place is freed. Called once, with
   * no try under way. Never rejects; undefined when there is nothing to wait for.
   */
  leave(): Promise<void> | undefined;
}
