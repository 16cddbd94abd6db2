import type { Moment } from '../../common/clock.js';
import type { LeaseLossReason } from '../../errors.js';

/** One successful acquisition, as the driver knows it. Handed back to the driver that made it. */
export interface Grant {
  /** The lock's name, with the coordinator's prefix. */
  readonly name: string;
  /** The key of the claim. Needed because the application's key function may give another key for the name by now. */
  readonly key: string;
  /** Identifies this acquisition alone. The back end stores it. */
  readonly id: string;
  /** Present when the claim asked for tokens. */
  readonly tokens?: Tokens;
  /**
   * The start and length of the lease until its first renewal. Without it, the lease lasts for the ttl of the claim, counted from the
   * moment before the driver was asked.
   */
  readonly term?: Term;
}

/**
 * Fencing tokens: whole numbers below 2^53, from `first` on. Each is larger than all tokens of earlier leases of this lock, over all
 * processes.
 */
export interface Tokens {
  /** The lease's own token, a whole number. */
  readonly first: number;
  /** The number of tokens: at most as many as the claim asked for. A driver that reserves one says 1. */
  readonly count: number;
}

/** A lease began after `since`, and lasts for `ms` ms. */
export interface Term {
  /** A moment before the request was sent. */
  readonly since: Moment;
  /** How long the lease lasts without renewal, ms. */
  readonly ms: number;
}

/** The outcome of a renewal for one lease. */
export type RenewOutcome =
  | { readonly kind: 'renewed' }
  /** The back end says that the grant does not hold the lock any more. */
  | { readonly kind: 'lost'; readonly loss: Loss }
  /** It is unknown whether the lease was renewed; the caller may repeat the renewal. Grants that failed for one reason share the error. */
  | { readonly kind: 'failed'; readonly error: Error };

/** How a lease was lost: its kind, and the same as a clause for people that follows "lost its lease:". */
export interface Loss {
  /** The kind of loss. */
  readonly reason: LeaseLossReason;
  /** A clause for people. */
  readonly message: string;
}

/** The result of turning an exclusive lease into a shared one. */
export interface Downgrade {
  /** The grant of the shared lease, with the tokens of the exclusive one. */
  readonly grant: Grant;
  /** True when the back end still had the lease, and others may share the lock now. Rejects when that is unknown. */
  readonly done: Promise<boolean>;
}

/** A lease that the back end knows, of any process. Handed back to the driver that made it. */
export interface Holder {
  /** The lock's name, with the coordinator's prefix. In {@link LockStore.list}: as much of the name as the back end stores. */
  readonly name: string;
  /** The key of the lock in the back end. */
  readonly key: string;
  /** The id of its grant. */
  readonly id: string;
  /** Present where the back end stores it. */
  readonly memberId?: string;
  /**
   * `yes`: it holds the lock. `no`: fewer nodes than a quorum have this entry: the process asks for the lock at this moment, or an
   * earlier try left the entry behind. `unknown`: the nodes that could tell do not answer.
   */
  readonly holds: 'yes' | 'no' | 'unknown';
}
