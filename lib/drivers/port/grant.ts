import type { Moment } from '../../common/clock.js';
import type { LeaseLossReason } from '../../errors.js';

/** One successful acquisition, as the driver knows it. Handed back to the driver that made it. */
export interface Grant {
  /** The lock's name, with the coordinator's prefix. */
  readonly name: string;
  /** The key of the claim: an application may make another one of the name by now. */
  readonly key: string;
  /** Names this one acquisition, and no other; what is stored in the back end. */
  readonly id: string;
  /** There when tokens were asked for. */
  readonly tokens?: Tokens;
  /**
   * Since when and for how long the lease is valid, until its first renewal. Without it: for the ttl of the claim, since the moment
   * before the driver was asked.
   */
  readonly term?: Term;
}

/**
 * Fencing tokens: whole numbers below 2^53, from `first` on. Each is larger than all that were given for leases of this lock before,
 * over all processes.
 */
export interface Tokens {
  /** The lease's own token, a whole number. */
  readonly first: number;
  /** How many there are: at most as many as were asked for. A driver that reserves one says 1. */
  readonly count: number;
}

/** A lease began after `since`, and lasts for `ms` ms. */
export interface Term {
  /** Before the request was sent. */
  readonly since: Moment;
  /** How long the lease lasts without renewal, ms. */
  readonly ms: number;
}

/** What became of one lease in a renewal. */
export type RenewOutcome =
  | { readonly kind: 'renewed' }
  /** The back end says that the grant does not hold the lock any more. */
  | { readonly kind: 'lost'; readonly loss: Loss }
  /** Whether it was renewed is unknown; it may be repeated. Grants that failed for one reason share the error. */
  | { readonly kind: 'failed'; readonly error: Error };

/** How a lease was lost: the kind, and the same as a clause for people, after "lost its lease:". */
export interface Loss {
  /** The kind of loss. */
  readonly reason: LeaseLossReason;
  /** A clause for people. */
  readonly message: string;
}

/** What becomes of a lease that is shared from now on. */
export interface Downgrade {
  /** The grant of the shared lease, with the tokens of the exclusive one. */
  readonly grant: Grant;
  /** Whether the back end still had the lease, and others may share the lock now. Rejects when that is unknown. */
  readonly done: Promise<boolean>;
}

/** A lease that the back end knows of, whichever process has it. Handed back to the driver that made it. */
export interface Holder {
  /** The lock's name, with the coordinator's prefix; of {@link LockStore.list}, as far as the back end has it. */
  readonly name: string;
  /** What the back end has the lock under. */
  readonly key: string;
  /** That of its grant. */
  readonly id: string;
  /** Where the back end stores it. */
  readonly memberId?: string;
  /**
   * `yes`: it holds the lock. `no`: fewer nodes than a quorum have it; it asks for the lock at this moment, or has left this
   * behind. `unknown`: the nodes that could tell do not answer.
   */
  readonly holds: 'yes' | 'no' | 'unknown';
}
