import type { Claim, Granted, Taken } from './claim.js';
import type { Downgrade, Grant, Holder, RenewOutcome } from './grant.js';
import type { Watch } from './watch.js';

/**
 * For how long, ms, an answer of the back end may be acted upon without asking again: a lease is handed on within a process, say.
 * A lock that is revoked meanwhile is not granted to anybody else before.
 */
export const TRUSTED_MS = 500;

/** Who holds which lock. */
export interface LockStore {
  /** Where the back end has the lock with this name: equal keys are one lock. Pure; called once per acquisition. */
  keyOf(name: string): string;

  /** One try to take the lock, which does not wait for its holder, and does not come before the waiters of a {@link WaitQueue}. */
  acquire(claim: Claim): Promise<Granted | Taken>;

  /**
   * Moves the end of each lease to `ttl` ms from now; never creates a lease. Not called where the lifetime is `process`.
   * @returns one outcome for each grant, in the same order; a rejection means that all of them failed
   */
  renew(grants: readonly Grant[], ttl: number): Promise<readonly RenewOutcome[]>;

  /**
   * Ends a lease: the lock is free, or is kept from everybody for `keepFor` ms more. Repeatable; works, best effort, for a lease
   * that was lost.
   * @returns whether the grant still held the lock
   */
  release(grant: Grant, keepFor?: number): Promise<boolean>;

  /**
   * Turns an exclusive lease into a shared one without a moment in between in which nobody holds the lock. There where the modes have
   * `shared`. The grant that it returns stands for the lease from the call on, whatever becomes of the call: it is what is renewed and
   * released. The first one may still be under way in a renewal, whose outcome does not count.
   */
  downgrade?(grant: Grant, ttl: number): Downgrade;

  /**
   * The holders of one lock, as far as the back end knows them.
   * @param key that of a grant, where there is one: an application may make another one of the name by now
   */
  holders(name: string, key?: string): Promise<readonly Holder[]>;

  /**
   * Takes the lock away from that holder, and never from a later one. The holder is told by `onRevoked` before anybody else
   * is granted the lock, or else nobody is within {@link TRUSTED_MS} of it; resolves once somebody may be.
   * @returns whether it held the lock
   */
  revoke(holder: Holder): Promise<boolean>;

  /** The holders of all locks. For people and tools: it may take long, and what it says may be over by then. */
  list(): Promise<readonly Holder[]>;

  /**
   * Calls `onFreed` when the lock may be free. A hint: it may come in vain, and it may be missed, as the waiters look once a second.
   * Used where the driver has no queue; without either one the waiters only look.
   */
  watch?(name: string, onFreed: () => void): Watch;
}
