import type { HeldLease } from '../lock/lease/index.js';
import type { LockManager } from '../lock/index.js';
import type { Run } from './current-run.js';
import type { JobReports } from './job-reports.js';
import { errorText, type RunRecord, type RunRecords, type StoredRun } from './run-record.js';
import { writeUnderLease } from './write-under-lease.js';

export interface ClaimContext {
  readonly manager: LockManager;
  readonly records: RunRecords;
  readonly reports: JobReports;
  /** Whether the tick is run once more when no replica has written how this run ended. */
  readonly repeats: boolean;
}

/** The right to run a job for one tick: the lock is held, and the start is written. */
export class Claim {
  readonly run: Run;
  readonly #since: number;
  #ended?: Promise<void>;

  constructor(
    readonly lease: HeldLease,
    private readonly record: RunRecord,
    private readonly context: ClaimContext,
  ) {
    const { name, tick, attempt, madeUp = false } = record;
    this.run = { name, tick: new Date(tick), attempt, madeUp, byHand: false, lease };
    this.#since = context.manager.clock.monotonic();
    context.reports.started(context.manager, record);
  }

  /** Writes how the run ended, and gives the lock back. Never rejects. */
  end(outcome: 'succeeded' | 'failed', error?: unknown): Promise<void> {
    this.#ended ??= this.#end(outcome, error);
    return this.#ended;
  }

  async #end(outcome: 'succeeded' | 'failed', error: unknown): Promise<void> {
    const { manager, reports } = this.context;
    const duration = manager.clock.monotonic() - this.#since;
    const record = endedRecord(this.record, {
      state: this.lease.lost ? 'lost' : outcome,
      end: manager.clock.wall(),
      duration,
      error: this.lease.lost ?? error,
    });
    const written = this.#isLeftToOthers(outcome) ? undefined : await this.#write(record);
    await this.lease.finish();
    reports.ended(manager, record, duration, error ?? this.lease.lost);
    // When no record was written, the replica that finds the start reports the loss.
    if (written && record.state === 'lost') reports.lost(manager, record);
  }

  /** Whether the run was cut short, and another one follows: its record stays at "started" until then, as after a killed replica. */
  #isLeftToOthers(outcome: 'succeeded' | 'failed'): boolean {
    return this.context.repeats && outcome === 'failed' && this.lease.lost !== undefined;
  }

  /** @returns undefined when it was not written */
  async #write(record: RunRecord): Promise<StoredRun | undefined> {
    const { manager, records, reports } = this.context;
    try {
      // A newer record stays: the lease was lost, and the job has run elsewhere since.
      return await writeUnderLease(this.lease, manager.clock, () => records.put(record));
    } catch (failure) {
      reports.outcomeNotWritten(manager, record, failure);
      return undefined;
    }
  }
}

function endedRecord(
  record: RunRecord,
  ended: {
    readonly state: 'succeeded' | 'failed' | 'lost';
    readonly end: number;
    readonly duration: number;
    readonly error: unknown;
  },
): RunRecord {
  const { state, end, duration, error } = ended;
  const succeeded = state === 'succeeded';
  return {
    ...record,
    state,
    end,
    sinceStart: duration,
    ...(!succeeded && error !== undefined && { error: errorText(error) }),
    ...(succeeded && { success: { tick: record.tick, end } }),
    failures: succeeded ? 0 : record.failures + 1,
  };
}
