import type { Clock } from '../common/clock.js';
import type { Grant, LockMode, LockStore, RecordStore, WaitQueue } from './port/index.js';

export type * from './port/index.js';
export { NO_TRANSACTION, NOT_HELD, TRUSTED_MS } from './port/index.js';

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
