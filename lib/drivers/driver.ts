import type { Clock } from '../common/clock.js';
import type { Grant, LockMode, LockStore, RecordStore, WaitQueue } from './port/index.js';

export type * from './port/index.js';
export { NO_TRANSACTION, NOT_HELD, TRUSTED_MS } from './port/index.js';

/**
 * The port: the operations that every kind of back end must offer.
 *
 * A driver gives leases and records, and may keep the order of the waiters. It never waits for a holder, never retries and computes
 * no deadline: the code above this port, in `lib/lock`, does that once for all drivers. The suite in
 * `nestjs-coordination/driver-testing` defines the port: what every driver must do, and what each trait adds.
 *
 * Every method rejects with `BackendUnavailableError` in bounded time when the back end cannot answer.
 *
 * @publicApi
 */
export interface Driver {
  /** The driver's name in the logs, for example `redis 10.0.0.1:6379 (3 nodes)`. Never holds a secret. */
  readonly description: string;

  /** What the driver supports, and how its leases end. */
  readonly traits: Traits;

  /**
   * Connects, and rejects when the back end cannot be used. A driver is started at most once.
   * @param signal aborts when the caller no longer wants the start; the caller then calls `stop` as well
   */
  start(signal?: AbortSignal): Promise<void>;

  /**
   * Ends every connection, listener and timer of the driver; idempotent, bounded, never rejects.
   * It does not release leases that are still held: they end by their ttl or with this process.
   */
  stop(): Promise<void>;

  /** Takes, renews and frees locks. */
  readonly locks: LockStore;

  /**
   * The waiters of each lock in the order of their arrival, over all processes. A driver without a queue keeps no order: its waiters
   * use {@link LockStore.watch} and look once a second, and a lock that has to be `fair` is refused.
   */
  readonly queue?: WaitQueue;

  /** Keeps small values with a version. */
  readonly records: RecordStore;

  /**
   * Returns an SQL statement that checks a lease inside a transaction of the application. Only drivers of transactional databases
   * have it. The statement succeeds when the grant holds its lock; the lock then goes to no other holder until that transaction ends.
   * Otherwise it fails with SQLSTATE `NC001`, or with `NC003` where there is no open transaction.
   * @param idle the database may end the transaction after this many ms without a statement: its process may be stopped
   */
  guard?(grant: Grant, idle: number): string;

  /** What the driver knows of its nodes at this moment; it does not ask them. Left out by a driver that tracks no nodes. */
  health?(): DriverHealth;
}

/** The nodes of a back end. The back end is usable while `quorum` of them are up. */
export interface DriverHealth {
  /** One entry for each server that has a vote. */
  readonly nodes: readonly {
    /** Holds no secret. */
    readonly name: string;
    readonly up: boolean;
    /** Why the node is not up. */
    readonly reason?: string;
  }[];
  /** How many nodes have to answer. */
  readonly quorum: number;
}

/** What differs between back ends. The code above the port asks a driver only for what its traits offer. */
export interface Traits {
  /**
   * `lease`: a lease ends after its ttl, unless it is renewed. `process`: a lease ends with the process that holds it, and is never
   * renewed.
   */
  readonly lifetime: 'lease' | 'process';
  /** The modes that a claim may ask for. Where `shared` is missing, a lock that has to be shared is refused with an error that names it. */
  readonly modes: readonly LockMode[];
  /** How many leases one renewal should have at most: both sides have to finish them within a millisecond or two. */
  readonly renewBatch: number;
  /**
   * The longest ttl, in ms, that a claim should ask for. Set where the back end may forget leases: it then grants nothing for as long
   * as the longest lease that was asked for.
   */
  readonly longestTtl?: number | undefined;
}

/** What a coordinator gives to the driver that it creates. */
export interface DriverContext {
  /** The driver's only source of time and timers. */
  readonly clock: Clock;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  /** The driver calls it once per change of whether the whole back end can be used. `start` reports the first `up`. */
  readonly onBackendChange: (change: BackendChange) => void;
  /** Logs a message that an operator must read. The driver takes secrets out first. */
  readonly warn: (message: string) => void;
}

/** What a coordinator adds to the context of its driver. */
export interface DriverFactoryContext extends DriverContext {
  /** The coordinator's lease time, ms. */
  readonly ttl: number;
  /** The prefix of every lock name. */
  readonly prefix: string;
  /**
   * True for a tool that only looks and takes no lock. The driver then creates nothing that is missing, and registers nowhere.
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
