import { BackendUnavailableError } from '../../errors.js';
import type { HeldLease } from '../lease/lease.js';
import type { WaitLimit } from './wait-limit.js';
import type { LocalQueue } from './local-queue.js';
import { quoted } from '../../common/quoted.js';

/** When a client of a replica that shuts down may try again, at another one, ms. */
const RETRY_ELSEWHERE = 1000;

export interface AcquireTerms {
  /** The lock's name, without the prefix. */
  readonly name: string;
  readonly ttl: number;
  /** Whether the lease gets a fencing token. */
  readonly fencing: boolean;
  /** In the order of arrival over all processes. */
  readonly fair: boolean;
  readonly waitLimit: WaitLimit;
  /** The function that will run under the lease, for the log; empty when there is none. */
  readonly label: string;
}

/** The lock was not to be had in the time allowed. */
export interface NotAcquired {
  /** How long the present lease lasts at most without renewal, ms, where known. */
  readonly remaining?: number;
}

export type AcquireResult = HeldLease | NotAcquired;

/** One call of `acquire` under way. */
export class AcquireCall implements AcquireTerms {
  readonly name: string;
  readonly ttl: number;
  readonly fencing: boolean;
  readonly fair: boolean;
  readonly waitLimit: WaitLimit;
  readonly label: string;
  /** Of the lock in the back end; made once for each call. */
  key: string | undefined = undefined;
  /** The queue of the handle that it was made with, once it is inside. */
  handleQueue: LocalQueue | undefined = undefined;
  #waits = false;

  /**
   * @param since when it came, on the monotonic clock, ms
   * @param tellWaiting told once, before the call waits for the first time
   */
  constructor(
    { name, ttl, fencing, fair, waitLimit, label }: AcquireTerms,
    readonly since: number,
    private readonly tellWaiting: (call: AcquireCall) => void,
  ) {
    this.name = name;
    this.ttl = ttl;
    this.fencing = fencing;
    this.fair = fair;
    this.waitLimit = waitLimit;
    this.label = label;
  }

  /** Before each wait. */
  onWaiting(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.tellWaiting(this);
  }
}

/** @throws the reason of the caller's signal when it has aborted, BackendUnavailableError when nobody may wait any more */
export function throwIfCancelled({ name, waitLimit }: AcquireTerms, memberId: string): void {
  if (waitLimit.cancelled === 'aborted') throw waitLimit.signal?.reason;
  if (waitLimit.cancelled !== 'draining') return;
  throw new BackendUnavailableError(
    `Lock ${quoted(name)}: the coordinator of member ${memberId} is shutting down and takes no new locks; try another replica`,
    { retryAfter: RETRY_ELSEWHERE },
  );
}
