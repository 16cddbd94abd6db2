import { AsyncLocalStorage } from 'node:async_hooks';
import type { Lease } from '../lock/lease/index.js';

/**
 * One execution of a job.
 * @publicApi
 */
export interface Run {
  /** The job's name. */
  readonly name: string;
  /** The fire time that this run is for: the same on every replica. For a job with `every`, and for a call by hand, when it began. */
  readonly tick: Date;
  /** How often this tick was begun: 2 when the run of another replica was lost before, and the job says `onCrash: 'rerun'`; else 1. */
  readonly attempt: number;
  /** True when the tick had been missed by all replicas, and the job says `missed: 'once'`. */
  readonly madeUp: boolean;
  /** True for a call that no scheduler made. It has no tick, and leaves no record. */
  readonly byHand: boolean;
  /** The lease under which the job runs. Its signal aborts when the run may not be alone any more. */
  readonly lease: Lease;
}

const storage = new AsyncLocalStorage<Run | undefined>();

export function runIn<T>(run: Run, body: () => T): T {
  return storage.run(run, body);
}

/**
 * The run of a job that this async context belongs to.
 *
 * @returns undefined outside of a `@RunOnce()` method
 * @example
 * \@Cron('0 3 * * *', { name: 'nightly' })
 * \@RunOnce()
 * async nightly() {
 *   await this.report(currentRun()?.tick);
 * }
 *
 * @publicApi
 */
export function currentRun(): Run | undefined {
  return storage.getStore();
}
