import type { Clock, Moment } from '../common/clock.js';
import type { LeaseLossReason } from '../errors.js';

/**
 * For how long, ms, an answer of the back end may be acted upon without asking again: a lease is handed on within a process, say.
 * A lock that is broken meanwhile is not granted to anybody else before.
 */
export const TRUSTED_MS = 500;

/**
 * The port: the few things that one kind of back end must be able to do.
 *
 * A driver does one try, one renewal, one release, keeps the order of those who wait, and tells when it may be their
 * turn. It never waits, retries or computes a deadline: that lives once, above this port, in `lib/lock`.
 *
 * Every method rejects with `BackendUnavailableError` in bounded time when the back end cannot answer.
 */
export interface Driver {
  /** What the logs call it, for example `redis 10.0.0.1:6379 (3 nodes)`. Never holds a secret. */
  readonly description: string;

  /** True when a lease ends by its ttl unless renewed; false when it ends with the process that holds it. */
  readonly leasesExpire: boolean;

  /** The most leases that one renewal should have: both sides have to be done with them in a millisecond or two. */
  readonly renewsAtOnce: number;

  /**
   * Where the back end has the lock with this name, prefixed: equal keys are one lock. Asked once per acquisition; without it, the
   * name is the key.
   */
  keyOf?(name: string): string;

  /** Connects, and rejects when the back end cannot be used. A driver is started at most once. */
  start(): Promise<void>;

  /**
   * Ends every connection, listener and timer of its own; idempotent, bounded, never rejects.
   * Leases that are still held are not released: they end by their ttl or with this process.
   */
  stop(): Promise<void>;

  /** One attempt to take the lock, without waiting for its holder, and not before those who wait already. */
  tryAcquire(request: AcquireRequest): Promise<AcquireReply>;

  /**
   * A place to wait at. Nothing is done before its first try, so a place that needs no waiting costs nothing.
   * @param wake called whenever a try from this place may succeed, until it is left. Spurious calls are allowed; lost
   * ones are not the norm, but the caller looks by itself at least every second.
   */
  enqueue(request: AcquireRequest, wake: () => void): QueuedWaiter;

  /**
   * Moves the end of each lease to `ttl` ms from now; never creates a lease. Not called when leases do not expire.
   * @returns one outcome for each grant, in the same order; a rejection means that all of them failed
   */
  renew(grants: readonly Grant[], ttl: number): Promise<readonly RenewOutcome[]>;

  /** Frees the lock if the grant still holds it; true if it did. Repeatable; works, best effort, for a lost lease. */
  release(grant: Grant): Promise<boolean>;

  /** Asks the back end whether the grant still holds the lock. */
  isOwner(grant: Grant): Promise<boolean>;

  /**
   * Frees the lock whoever holds it; true if somebody did. The holder is told by `onRevoked` before anybody else is granted the
   * lock, or else nobody is within {@link TRUSTED_MS} of the break; resolves once somebody may be.
   */
  break(name: string): Promise<boolean>;

  /** Makes the member visible as alive for `ttl` ms. Repeated by the heartbeat. */
  announce(memberId: string, ttl: number): Promise<void>;

  /** Takes the member's presence back. */
  withdraw(memberId: string): Promise<void>;
}

export interface AcquireRequest {
  /** The lock's name, with the coordinator's prefix. */
  readonly name: string;
  /** What {@link Driver.keyOf} has made of it. */
  readonly key?: string;
  /** How long the lease lasts without renewal, ms. */
  readonly ttl: number;
  /** Whether the grant gets a fencing token. */
  readonly fencing: boolean;
  /** How many tokens are reserved for it, its own and those after; 1 by default. */
  readonly tokens?: number;
  /** Who asks, to be shown to others. */
  readonly memberId: string;
  readonly caller?: Caller;
  /**
   * Called at most once, after the grant, if the driver learns by itself that the lease has been taken away
   * (a `break` on the memory and file drivers). Never called after `release`.
   */
  readonly onRevoked: (loss: Loss) => void;
}

/** Who waits for the reply. */
export interface Caller {
  /** Nobody does any more: a try that has not begun need not. */
  readonly hasCancelled: boolean;
}

/** How a lease was lost: the kind, and the same as a clause for people, after "lost its lease:". */
export interface Loss {
  readonly reason: LeaseLossReason;
  readonly message: string;
}

/** One successful acquisition, as the driver knows it. Handed back to the driver that made it. */
export interface Grant {
  /** The lock's name, with the coordinator's prefix. */
  readonly name: string;
  /** Names this one acquisition, and no other; what is stored in the back end. */
  readonly id: string;
  /** Where it is stored, on a driver whose locks have keys. */
  readonly key?: string;
  /**
   * Larger than the token of every lease of this name before, over all processes; there when it was asked for. A
   * whole number below 2^53.
   */
  readonly fencingToken?: number;
}

export type AcquireReply =
  | {
      readonly granted: true;
      readonly grant: Grant;
      /** There when the lease lasts less than was asked for, until its first renewal, or began later than the try. */
      readonly term?: Term;
    }
  | {
      readonly granted: false;
      /** Look again after this many ms, even when no wake-up came; undefined when only a wake-up can tell. */
      readonly retryAfter?: number;
      /** How long the present lease lasts at most without renewal, ms, where known. */
      readonly remaining?: number;
    };

export type RenewOutcome =
  | { readonly kind: 'renewed' }
  /** The back end says that the grant does not hold the lock any more. */
  | { readonly kind: 'lost'; readonly loss: Loss }
  /** Nobody knows; it may be repeated. Grants that failed for one reason share the error. */
  | { readonly kind: 'failed'; readonly error: Error };

/** A lease began after `since`, and lasts for `ms` ms. */
export interface Term {
  readonly since: Moment;
  readonly ms: number;
}

/** Where one contender waits for a lock: first come, first served, as far as the back end can tell. */
export interface QueuedWaiter {
  /** One try from here, one at a time. The first one that finds the lock taken keeps the place. */
  tryAcquire(): Promise<AcquireReply>;

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

/** What a driver is given by whoever creates it. */
export interface DriverContext {
  readonly clock: Clock;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  /** Told once per change: whether the back end as a whole can be used. The first `up` is told by `start`. */
  readonly onBackendChange: (change: BackendChange) => void;
  /** For what an operator must read in the log; secrets are taken out before. */
  readonly warn: (message: string) => void;
}

export interface BackendChange {
  readonly state: 'up' | 'down';
  /** Why it is down. */
  readonly cause?: Error;
}
