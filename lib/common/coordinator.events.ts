import type { LeaseLossReason, LeaseLostError } from '../errors.js';

export interface LeaseEvent {
  /** The lock's name, without the prefix. */
  readonly lock: string;
  /** The template of the name, as `<fName>-<share.id>`, where a decorator took the lock. */
  readonly template?: string;
  /** The decorated method, as `ShareController.createSnapshot`. */
  readonly function?: string;
  /** True for an internal lock that a call for a permit takes on its way. The call itself has its own events. */
  readonly part?: true;
  readonly memberId: string;
  /** Unix time in ms. */
  readonly at: number;
}

interface BackendEvent {
  readonly memberId: string;
  /** Unix time in ms. */
  readonly at: number;
}

interface JobEvent {
  /** The job's name. */
  readonly job: string;
  /** The method that it runs, as `ReportService.nightly`, where that is known. */
  readonly function?: string;
  /** The fire time that the run is for. */
  readonly tick: Date;
  /** The member that reports the event. */
  readonly memberId: string;
  /** Unix time in ms. */
  readonly at: number;
}

/**
 * Why this replica did not run a job:
 * - `done`: a replica has started a run for this tick
 * - `locked`: an earlier run is not over yet
 * - `backend`: the back end could not be asked
 * - `stopping`: this replica shuts down, or has not started
 * - `clock`: this replica's clock is too far ahead of the back end's
 *
 * @publicApi
 */
export type JobSkipReason = 'done' | 'locked' | 'backend' | 'stopping' | 'clock';

interface LeaderEvent {
  /** The election's name. */
  readonly election: string;
  readonly term: number;
  /** The member whose term begins or ends: this one. */
  readonly memberId: string;
  /** Unix time in ms. */
  readonly at: number;
}

/**
 * Why a call did not get a lock:
 * - `taken`: another holder had it for as long as the call could wait
 * - `cancelled`: the signal of the call aborted, or its client left
 * - `stopping`: this replica shuts down
 * - `backend`: the back end could not be asked
 * - `error`: the call asked for something impossible, or the driver failed
 *
 * @publicApi
 */
export type RefusalReason = 'taken' | 'cancelled' | 'stopping' | 'backend' | 'error';

/**
 * The events of `CoordinatorService.on`, each with what its listeners get.
 * @publicApi
 */
export interface CoordinatorEvents {
  /** A call has to wait for the lock. */
  'lease.waiting': LeaseEvent;
  /** `waited` is how long the call took to get the lock, ms; `fencingToken` is there when it was asked for. */
  'lease.acquired': LeaseEvent & { readonly waited: number; readonly fencingToken?: number };
  /** A call did not get the lock, after `waited` ms; `error` is what the call rejects with, unless the lock was taken. */
  'lease.refused': LeaseEvent & {
    readonly waited: number;
    readonly reason: RefusalReason;
    readonly error?: unknown;
  };
  /** The back end has renewed the lease, up to `deadline`, Unix time in ms. */
  'lease.renewed': LeaseEvent & { readonly deadline: number };
  /** The lock goes from this lease to the next call of this process, without the back end. */
  'lease.handed-on': LeaseEvent;
  /** `held` is how long the lease lasted, ms. */
  'lease.released': LeaseEvent & { readonly held: number };
  /** The holder gave the lease back after `held` ms, and the back end did not confirm it: the lock is free after the lease's ttl. */
  'lease.unconfirmed': LeaseEvent & { readonly held: number; readonly error: unknown };
  /** A lease ended while its work was running, after `held` ms; `reason` is that of the error. */
  'lease.lost': LeaseEvent & {
    readonly held: number;
    readonly reason: LeaseLossReason;
    readonly error: LeaseLostError;
  };
  /** The back end can be used, at the start or again. */
  'backend.up': BackendEvent;
  /** The back end as a whole cannot be used; `error` says why, where that is known. */
  'backend.down': BackendEvent & { readonly error?: Error };
  /** A run begins on this member. `attempt` is 2 when another member's run of this tick was lost before. */
  'job.started': JobEvent & { readonly attempt: number; readonly madeUp: boolean };
  /** A run has ended on this member, after `duration` ms. `lost`: its lease was lost while it ran. */
  'job.ended': JobEvent & {
    readonly attempt: number;
    readonly madeUp: boolean;
    readonly outcome: 'succeeded' | 'failed' | 'lost';
    readonly duration: number;
    readonly error?: unknown;
  };
  /** This member does not run this tick. Every member but one skips every tick. */
  'job.skipped': JobEvent & { readonly reason: JobSkipReason };
  /** No member has run this tick. `madeUp`: it is run now. */
  'job.missed': JobEvent & { readonly madeUp: boolean };
  /** A run of `runner` ended without an outcome: it crashed, or lost its lease. */
  'job.lost': JobEvent & { readonly runner: string };
  /** This member leads from now on. */
  'leader.elected': LeaderEvent;
  /** This member leads no more: it `resigned`, or its lease was lost. */
  'leader.demoted': LeaderEvent & { readonly reason: 'resigned' | LeaseLossReason };
}

/**
 * The names of the events.
 * @publicApi
 */
export type CoordinatorEventName = keyof CoordinatorEvents;

/** Every name; `satisfies` checks that none is missing. */
export const EVENT_NAMES = Object.keys({
  'lease.waiting': true,
  'lease.acquired': true,
  'lease.refused': true,
  'lease.renewed': true,
  'lease.handed-on': true,
  'lease.released': true,
  'lease.unconfirmed': true,
  'lease.lost': true,
  'backend.up': true,
  'backend.down': true,
  'job.started': true,
  'job.ended': true,
  'job.skipped': true,
  'job.missed': true,
  'job.lost': true,
  'leader.elected': true,
  'leader.demoted': true,
} satisfies Record<CoordinatorEventName, true>) as CoordinatorEventName[];

/**
 * What the channel `nestjs-coordination:lease-acquired` publishes for the event `lease.acquired`, and so on.
 * @publicApi
 */
export type CoordinationMessage<E extends CoordinatorEventName> = CoordinatorEvents[E] & {
  /** The event's name on the channel: `lease-acquired`. */
  readonly type: string;
  /** The name of the coordinator, where it has one. */
  readonly coordinator?: string;
  /** The same object in all events of one lease. */
  readonly lease?: object;
};
