import type { Claim, Granted, Taken } from './claim.js';
import type { Downgrade, Grant, Holder, RenewOutcome } from './grant.js';
import type { Watch } from './watch.js';

/**
 * How long, in ms, the layer above may act on an answer of the back end without asking again, for example to hand a lease on within
 * a process. A driver grants a lock that is revoked in this time to no other holder before the time is over.
 */
export const TRUSTED_MS = 500;

/** Takes, renews and frees locks, and knows their holders. */
export interface LockStore {
  /** The key of the lock in the back end: equal keys are one lock. Pure; called once per acquisition. */
  keyOf(name: string): string;

  /** Tries once to take the lock. It does not wait for the holder, and does not go ahead of the waiters of a {@link WaitQueue}. */
  acquire(claim: Claim): Promise<Granted | Taken>;

  /**
   * Moves the end of each lease to `ttl` ms from now; never creates a lease. Not called where the lifetime is `process`.
   * @returns one outcome for each grant, in the same order; a rejection means that all of them failed
   */
  renew(grants: readonly Grant[], ttl: number): Promise<readonly RenewOutcome[]>;

  /**
   * Ends a lease. The lock is then free, or blocked for all for `keepFor` ms more. Repeatable. For a lease that was lost it works as
   * a best effort.
   * @returns whether the grant still held the lock
   */
  release(grant: Grant, keepFor?: number): Promise<boolean>;

  /**
   * Turns an exclusive lease into a shared one. The lock is held at every moment of it. Required where the modes have `shared`. The
   * returned grant stands for the lease from the call on, even if `done` rejects: the caller renews and releases that one, and its next
   * renewal shares the lock. If the method itself throws, the lease stays exclusive. A renewal of the first grant may still be under way;
   * its outcome does not count.
   */
  downgrade?(grant: Grant, ttl: number): Downgrade;

  /**
   * The holders of one lock, as far as the back end knows them.
   * @param key the key of a grant, where there is one: the application's key function may give another key for the name by now
   */
  holders(name: string, key?: string): Promise<readonly Holder[]>;

  /**
   * Takes the lock away from that holder, and never from a later one. Either `onRevoked` tells the holder before the lock goes to
   * another one, or the driver grants the lock to no holder within {@link TRUSTED_MS}. Resolves once the lock can be granted.
   * @returns whether it held the lock
   */
  revoke(holder: Holder): Promise<boolean>;

  /** The holders of all locks. For people and tools: it may take long, and the answer may be out of date. */
  list(): Promise<readonly Holder[]>;

  /**
   * Calls `onFreed` when the lock may be free. This is only a hint: it may come in vain or be missed, so the waiters look once a second
   * as well. Used where the driver has no queue. Without a queue and a watch the waiters only look.
   */
  watch?(name: string, onFreed: () => void): Watch;
}
