import type { Clock, Moment } from '../common/clock.js';
import type { LeaseLossReason } from '../errors.js';

/**
 * For how long, ms, an answer of the back end may be acted upon without asking again: a lease is handed on within a process, say.
 * A lock that is revoked meanwhile is not granted to anybody else before.
 */
export const TRUSTED_MS = 500;

/**
 * The port: the few things that one kind of back end must be able to do.
 *
 * A driver gives leases and records, and may keep the order of the waiters. It never waits for a holder, never retries and computes
 * no deadline: that lives once, above this port, in `lib/lock`. The suite in `nestjs-coordination/driver-testing` is its
 * definition: it has what every driver must do, and what a driver must do if its traits say so.
 *
 * Every method rejects with `BackendUnavailableError` in bounded time when the back end cannot answer.
 *
 * @publicApi
 */
export interface Driver {
  /** What the logs call it, for example `redis 10.0.0.1:6379 (3 nodes)`. Never holds a secret. */
  readonly description: string;

  /** What it can do, and how its leases end. */
  readonly traits: Traits;

  /**
   * Connects, and rejects when the back end cannot be used. A driver is started at most once.
   * @param signal aborts when the start is not wanted any more; `stop` is called then too
   */
  start(signal?: AbortSignal): Promise<void>;

  /**
   * Ends every connection, listener and timer of the driver; idempotent, bounded, never rejects.
   * Leases that are still held are not released: they end by their ttl or with this process.
   */
  stop(): Promise<void>;

  /** Takes, renews and frees locks. */
  readonly locks: LockStore;

  /**
   * The waiters of each lock in the order of their arrival, over all processes. A driver without it keeps no order: its waiters use
   * {@link LockStore.watch} and look once a second, and a lock that has to be `fair` is refused.
   */
  readonly queue?: WaitQueue;

  /** Keeps small values with a version. */
  readonly records: RecordStore;

  /**
   * A statement of SQL that checks a lease inside a transaction of the application, where the back end is a database that has transactions.
   * It succeeds when the grant holds its lock, and then nobody else is granted the lock until that transaction ends. Otherwise it
   * fails with SQLSTATE `NC001`; with `NC003` where there is no open transaction.
   * @param idle after how many ms without a statement the database may end the transaction: its process may be stopped
   */
  guard?(grant: Grant, idle: number): string;

  /** What the driver knows of the nodes of its back end at this moment, without asking them; left out where it knows of none. */
  health?(): DriverHealth;
}

/** The nodes of a back end. It can be used while `quorum` of them are up. */
export interface DriverHealth {
  /** One for each server that has a vote. */
  readonly nodes: readonly {
    /** Without a secret. */
    readonly name: string;
    readonly up: boolean;
    /** Why it is not up. */
    readonly reason?: string;
  }[];
  /** How many nodes have to answer. */
  readonly quorum: number;
}

/**
 * How a lock may be held: by one holder alone, or by several holders who share it. Holders of both modes are never there at once. A
 * number of permits is made of exclusive locks above the port, so that no driver has to have `permits`.
 */
export type LockMode = 'exclusive' | 'shared' | 'permits';

/** What differs between back ends, so that the code above the port asks for nothing that a driver has not got. */
export interface Traits {
  /**
   * `lease`: a lease ends after its ttl, unless it is renewed. `process`: it ends with the process that holds it, and is never
   * renewed.
   */
  readonly lifetime: 'lease' | 'process';
  /** What a claim may ask for. A lock that has to be shared is refused by name where `shared` is missing. */
  readonly modes: readonly LockMode[];
  /** How many leases one renewal should have at most: both sides have to be done with them in a millisecond or two. */
  readonly renewBatch: number;
  /**
   * There where the back end may forget leases, and then grants nothing for as long as the longest one that it was asked for: nobody
   * should ask for more ms than that.
   */
  readonly longestTtl?: number | undefined;
}

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

/** A subscription that ends when it is disposed of. */
export interface Watch extends Disposable {
  /** Settles when nothing is missed from then on, or when it is clear that nothing will be told. Never rejects. */
  readonly ready: Promise<void>;
}

/** What is asked for by one acquisition. */
export interface Claim {
  /** The lock's name, with the coordinator's prefix. */
  readonly name: string;
  /** What {@link LockStore.keyOf} has made of it. */
  readonly key: string;
  /** How long the lease lasts without renewal, ms. */
  readonly ttl: number;
  /** How many fencing tokens are reserved, the lease's own and those after it; 0 for none. */
  readonly tokens: number;
  /** One of the driver's {@link Traits.modes}. */
  readonly mode: LockMode;
  /** The member that asks, to be shown to others. */
  readonly memberId: string;
  /** The call that waits for the reply, where there is one. */
  readonly caller?: Caller;
  /**
   * Called at most once, after the grant, if the driver learns by itself that the lease has been taken away. Never called
   * after `release`.
   */
  readonly onRevoked: (loss: Loss) => void;
}

/** The call that waits for the reply. */
export interface Caller {
  /** True when the call has ended: a try that has not begun need not. */
  readonly hasCancelled: boolean;
  /** True when its caller wants no lock any more, as its signal has aborted or the coordinator stops; not when its time is over. */
  readonly hasGone?: boolean;
}

/** How a lease was lost: the kind, and the same as a clause for people, after "lost its lease:". */
export interface Loss {
  /** The kind of loss. */
  readonly reason: LeaseLossReason;
  /** A clause for people. */
  readonly message: string;
}

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

/** What becomes of a lease that is shared from now on. */
export interface Downgrade {
  /** The grant of the shared lease, with the tokens of the exclusive one. */
  readonly grant: Grant;
  /** Whether the back end still had the lease, and others may share the lock now. Rejects when that is unknown. */
  readonly done: Promise<boolean>;
}

/** The lock belongs to this grant. */
export interface Granted {
  /** Tells it from {@link Taken}. */
  readonly granted: true;
  /** What renews and releases the lease. */
  readonly grant: Grant;
}

/** The lock was not to be had. */
export interface Taken {
  /** Tells it from {@link Granted}. */
  readonly granted: false;
  /** Look again after this many ms, even when no wake-up came; undefined when only a wake-up can tell. */
  readonly retryAfter?: number;
  /** How long the present lease lasts at most without renewal, ms, where known. */
  readonly remaining?: number;
}

/** What became of one lease in a renewal. */
export type RenewOutcome =
  | { readonly kind: 'renewed' }
  /** The back end says that the grant does not hold the lock any more. */
  | { readonly kind: 'lost'; readonly loss: Loss }
  /** Whether it was renewed is unknown; it may be repeated. Grants that failed for one reason share the error. */
  | { readonly kind: 'failed'; readonly error: Error };

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

/**
 * Small values with a version, each for one writer at a time: members, runs, leaders. The version is the fencing token of the
 * lock under which a record is written, or a counter of the member's own.
 */
export interface RecordStore {
  /**
   * Stores a record for `ttl` ms, unless one with a larger version is there. Of two with one version the first one stays; to
   * put the same value again makes it last longer.
   * @returns what is there afterwards: the caller's record, or the one that is newer
   */
  put(record: NewRecord, ttl: number): Promise<StoredRecord>;

  /**
   * Reads one record.
   * @returns undefined where there is none, or where it has expired
   */
  get(space: string, key: string): Promise<StoredRecord | undefined>;

  /** Removes a record, unless one with a larger version number is there; does nothing where there is none. */
  remove(space: string, key: string, version: number): Promise<void>;

  /** All records of one space that have not expired, in no order. */
  list(space: string): Promise<readonly StoredRecord[]>;

  /** Calls `onChange` when a record of the space may have changed. A hint, as {@link LockStore.watch}. */
  watch(space: string, onChange: () => void): Watch;
}

/** A record as it is written. */
export interface NewRecord {
  /** What kind of record it is, for example `members`: letters, digits, `-` and `:`. */
  readonly space: string;
  /** Any text; one record for each in a space. */
  readonly key: string;
  /** A whole number from 0 up, below 2^53. */
  readonly version: number;
  /** A text of at most some thousand characters, such as JSON. */
  readonly value: string;
}

/** A record as the back end has it. */
export interface StoredRecord extends NewRecord {
  /** How long it is there without another `put`, ms. */
  readonly remaining: number;
  /** What the clock of the back end said when it answered: Unix time, ms. */
  readonly at: number;
}

/** What a driver is given by the coordinator that creates it. */
export interface DriverContext {
  /** The driver's only source of time and timers. */
  readonly clock: Clock;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  /** Told once per change: whether the back end as a whole can be used. The first `up` is told by `start`. */
  readonly onBackendChange: (change: BackendChange) => void;
  /** For what an operator must read in the log; secrets are taken out before. */
  readonly warn: (message: string) => void;
}

/** What a coordinator adds to the context of its driver. */
export interface DriverFactoryContext extends DriverContext {
  /** The coordinator's lease time, ms. */
  readonly ttl: number;
  /** What stands in front of every lock name. */
  readonly prefix: string;
  /**
   * True for a tool that looks, and takes no lock: the driver makes nothing that is missing, and tells the back end nothing of itself.
   */
  readonly looksOnly?: boolean;
}

/**
 * Makes a driver, and connects to nothing. Called once for each start.
 *
 * @publicApi
 */
export type DriverFactory = (context: DriverFactoryContext) => Driver | Promise<Driver>;

/** The back end went away, or came back. */
export interface BackendChange {
  /** Whether it can be used. */
  readonly state: 'up' | 'down';
  /** Why it is down. */
  readonly cause?: Error;
}
