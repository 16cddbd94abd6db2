import type { Leader } from '../elections/index.js';
import type { JobInfo } from '../runs/index.js';

/**
 * The purpose of a lock: a lock of the application, the permits of a semaphore, an election, a job under `@RunOnce`, or work
 * that is done `once`.
 * @publicApi
 */
export type LockKind = 'lock' | 'semaphore' | 'election' | 'job' | 'once';

/**
 * A member that holds a lock. Facts that only the member knows are there once it has reported them, with a heartbeat.
 * @publicApi
 */
export interface HolderInfo {
  /** The coordinator that holds it, where the back end stores that. */
  readonly memberId?: string;
  /** `ShareController.createSnapshot`, where a decorator took the lock. */
  readonly function?: string;
  /** The format string of the name, `<fName>-<share.id>`, where there is one. */
  readonly template?: string;
  /** When the lease began, by the member's clock. */
  readonly since?: Date;
  /** When the lease ends unless it is renewed; of leases of this very coordinator. */
  readonly deadline?: Date;
  /** A whole number, where the lease has one. */
  readonly fencingToken?: number;
}

/**
 * A call that waits for a lock, as its member reported with its last heartbeat.
 * @publicApi
 */
export interface WaiterInfo {
  /** The coordinator whose call it is. */
  readonly memberId: string;
  /** `ShareController.createSnapshot`, where a decorator takes the lock. */
  readonly function?: string;
  /** The format string of the name, `<fName>-<share.id>`, where there is one. */
  readonly template?: string;
  /** When it asked for the lock, by the member's clock. */
  readonly since: Date;
}

/**
 * A lock that is held or waited for.
 * @publicApi
 */
export interface LockInfo {
  /** Without the prefix, and without the package's own beginning of the name of an election, a job or a permit. */
  readonly name: string;
  /** The purpose of the lock. */
  readonly kind: LockKind;
  /** Whether its holders share it. */
  readonly mode: 'exclusive' | 'shared';
  /** The holders that the back end names; the longest first. */
  readonly holders: readonly HolderInfo[];
  /** The longest first. */
  readonly waiters: readonly WaiterInfo[];
  /** How many permits a semaphore has, where a member has reported it. */
  readonly permits?: number;
}

/**
 * A coordinator that is started, in whichever process.
 * @publicApi
 */
export interface MemberInfo {
  /** The prefix and the agent id. */
  readonly memberId: string;
  /** Names the replica. */
  readonly agentId: string;
  /** Names this start of the coordinator. */
  readonly incarnation: string;
  /** The number of its process. */
  readonly pid?: number;
  /** The name of its machine. */
  readonly host?: string;
  /** The version of this package. */
  readonly version?: string;
  /** By its own clock. */
  readonly startedAt?: Date;
  /** Its last heartbeat, by the back end's clock. */
  readonly lastSeen: Date;
  /** How many leases it held at its last heartbeat. */
  readonly held: number;
  /** How many of its calls waited for a lock then. */
  readonly waiting: number;
  /** The elections that it leads. */
  readonly leads: readonly string[];
  /** Whether it is this very coordinator. */
  readonly here: boolean;
}

/**
 * An election that has a leader or a candidate.
 * @publicApi
 */
export interface ElectionInfo {
  /** As it was given to `getElection`, or to a decorator. */
  readonly name: string;
  /** Undefined while no member leads. */
  readonly leader?: Leader;
  /** The ids of the members that wait to be elected, as they reported with their last heartbeat. */
  readonly campaigning?: readonly string[];
}

/**
 * How a lock is broken.
 * @publicApi
 */
export interface BreakOptions {
  /** Why: goes to the log of the holder, and into its `LeaseLostError`. */
  readonly reason: string;
  /** The kind of lock that the name is of; default: `lock`. Of a semaphore all permits are taken back. */
  readonly kind?: LockKind | undefined;
}

/**
 * What a coordinator can show of all replicas with the same back end and prefix.
 *
 * @example
 * for (const { name, holders } of await coordinator.inspect.locks())
 *   console.log(name, holders.map(({ memberId, function: fn }) => `${memberId} ${fn}`));
 *
 * @publicApi
 */
export interface CoordinatorInspection {
  /** The locks that are held or waited for, by their names. @throws BackendUnavailableError */
  locks(): Promise<readonly LockInfo[]>;
  /** The members that are alive, by their ids. @throws BackendUnavailableError */
  members(): Promise<readonly MemberInfo[]>;
  /** The elections that have a leader or a candidate, by their names. @throws BackendUnavailableError */
  elections(): Promise<readonly ElectionInfo[]>;
  /** The jobs under `@RunOnce` that have run on any replica, and those of this one. @throws BackendUnavailableError */
  jobs(): Promise<readonly JobInfo[]>;
  /**
   * Takes a lock away from its holders. Each holder that listens is told first: its lease is lost with reason `revoked`, and the
   * text is in the error and in its log. Resolves when another member can get the lock, after 2 s at most.
   *
   * @returns whether it was held
   * @throws InvalidOptionsError for an empty name or reason; BackendUnavailableError
   * @example
   * await coordinator.inspect.break('share-7', { reason: 'its replica hangs since 09:12' });
   */
  break(name: string, options: BreakOptions): Promise<boolean>;
}
