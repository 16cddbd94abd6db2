import type { RefusalReason } from '../../common/coordinator.events.js';
import { BackendUnavailableError } from '../../errors.js';
import type { Asked, Deadline, HeldLease, LeaseBounds } from '../lease/index.js';
import type { GrantHandOff } from './grant-hand-off.js';
import type { WaitLimit } from './wait-limit.js';
import type { LocalQueue } from './local-queue.js';
import { quoted } from '../../common/quoted.js';
import type { Appointment } from '../../common/schedule.js';

/** A client of a replica that shuts down may try another replica after this time, ms. */
const RETRY_ELSEWHERE = 1000;

export interface AcquireTerms extends Asked {
  /** The lock's name, without the prefix; of several locks, their joint name. */
  readonly name: string;
  /** The lock's key, where it was made already; default: it is made of the name. */
  readonly key?: string;
  /** The names of several locks; undefined for one lock. */
  readonly names?: readonly string[] | undefined;
  /** A call that is made inside a call with the lock enters under its lease. */
  readonly reentrant?: boolean | undefined;
  readonly ttl: number;
  /** Whether the lease gets a fencing token. */
  readonly fencing: boolean;
  /** Whether calls get the lock in their order of arrival, over all processes. */
  readonly fair: boolean;
  /** Whether the lease is held together with others that share the lock; default: false. */
  readonly shared?: boolean;
  readonly waitLimit: WaitLimit;
  /** Undefined for a lock without bounds. */
  readonly bounds?: LeaseBounds | undefined;
  /** The function that will run under the lease, for the log; empty when there is none. */
  readonly label: string;
  /** When the call began, on the monotonic clock, ms, where this is one try of several; default: now. */
  readonly since?: number | undefined;
}

/** The call did not get the lock within its time limit. */
export interface NotAcquired {
  /** How long the present lease lasts at most without renewal, ms, where known. */
  readonly remaining?: number;
  /** Of several locks, the one that another holder had. */
  readonly taken?: string | undefined;
}

export type AcquireResult = HeldLease | NotAcquired;

/** A handle carries one lease at a time. Its callers wait in a queue of its own. */
export interface LeaseHandle {
  readonly queue: LocalQueue;
  /** The holder has given back the lease that this handle carries. */
  onGivenBack(): void;
}

/** One call of `acquire` under way. */
export class AcquireCall {
  #waits = false;
  #insideHandle = false;
  #alarm?: Appointment;

  /**
   * @param handle that it was made with, if it was
   * @param since when the call came, on the monotonic clock, ms
   * @param tellWaiting called once, before the call waits for the first time
   */
  constructor(
    readonly terms: AcquireTerms,
    readonly handle: LeaseHandle | undefined,
    readonly since: number,
    private readonly tellWaiting: (call: AcquireCall) => void,
  ) {}

  /** Whether it has had to wait. */
  get waits(): boolean {
    return this.#waits;
  }

  /** The call has the first place in the queue of its handle. */
  enteredHandle(): void {
    this.#insideHandle = true;
  }

  /** The call has got no lease: the next one may try with its handle. */
  leaveHandle(): void {
    if (this.#insideHandle) this.handle?.queue.leave();
    this.#insideHandle = false;
  }

  /** Before each wait. */
  onWaiting(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.tellWaiting(this);
  }

  /** Keeps an alarm that rings unless the call ends before. */
  expects(alarm: Appointment): void {
    this.#alarm = alarm;
  }

  /** The call has got its lease, or was refused. */
  end(): void {
    this.#alarm?.cancel();
  }
}

/** The result of a call: a grant under which one lease may begin. */
export class LeaseGrant {
  /**
   * @param deadline of the lease, counted from before the back end was asked
   * @param queue in which the lease has the first place
   * @param since when the lease begins, on the monotonic clock, ms
   */
  constructor(
    readonly handOff: GrantHandOff,
    readonly deadline: Deadline,
    readonly queue: LocalQueue,
    readonly since: number,
  ) {}
}

/** Why a call failed that did not find the lock taken. */
export function refusalReason({ cancelled }: WaitLimit, error: unknown): RefusalReason {
  if (cancelled) return cancelled === 'aborted' ? 'cancelled' : 'stopping';
  return error instanceof BackendUnavailableError ? 'backend' : 'error';
}

/** @throws the reason of the caller's signal when it has aborted, BackendUnavailableError when the coordinator shuts down */
export function throwIfCancelled({ name, waitLimit }: AcquireTerms, memberId: string): void {
  if (waitLimit.cancelled === 'aborted') throw waitLimit.signal?.reason;
  if (waitLimit.cancelled !== 'draining') return;
  throw new BackendUnavailableError(
    `Lock ${quoted(name)}: the coordinator of member ${memberId} is shutting down and takes no new locks; try another replica`,
    { retryAfter: RETRY_ELSEWHERE },
  );
}
