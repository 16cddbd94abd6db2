import type { RecordStore } from '../drivers/driver.js';
import { systemClock } from '../common/clock.js';
import { type Job, jobLock } from './job.js';
import type { SkipCounts } from './job-reports.js';
import { type PastRun, recordsOf, type RunRecord, type StoredRun } from './run-record.js';

/**
 * How one run of a job went. `running` while its replica runs it; `lost` when that replica was killed, or lost its lease.
 * @publicApi
 */
export interface LastRun {
  /** The job's name. */
  readonly name: string;
  /** The fire time that it was for. */
  readonly tick: Date;
  /** By the clock of the replica that ran it. */
  readonly startedAt: Date;
  /** By the same clock; absent while it runs, and when it was lost. */
  readonly endedAt?: Date;
  /** The member that ran it. */
  readonly memberId: string;
  /** How it ended. */
  readonly outcome: 'running' | 'succeeded' | 'failed' | 'lost';
  /** The message, cut after 200 characters. */
  readonly error?: string;
  /** How often the tick was begun: 2 when another member's run was lost before. */
  readonly attempt: number;
  /** Whether the tick had been missed, and was run later. */
  readonly madeUp: boolean;
}

/**
 * The state of a job.
 * @publicApi
 */
export interface JobInfo {
  /** The job's name. */
  readonly name: string;
  /** Its cron expression or interval, where that is known. */
  readonly schedule?: string;
  /** The tick after the last one that ran. */
  readonly next?: Date;
  /** Whether a replica runs it now. */
  readonly running: boolean;
  /** The latest run. */
  readonly last?: LastRun;
  /** When the latest run that succeeded ended. */
  readonly lastSuccess?: Date;
  /** How long ago that was, ms. */
  readonly lastSuccessAge?: number;
  /** How many runs in a row have not succeeded. */
  readonly failures: number;
  /** Earlier runs, newest first. */
  readonly history: readonly LastRun[];
  /** How often this member did not run it, by reason; since its start. */
  readonly skips: SkipCounts;
}

/** The parts of a coordinator that read the records. */
export interface JobReader {
  readonly records: RecordStore;
  readonly settings: { readonly prefix: string };
  /** @param name of a lock, without the prefix */
  isHeld(name: string): Promise<boolean>;
}

/** @throws BackendUnavailableError */
export async function lastRunOf(manager: JobReader, name: string): Promise<LastRun | undefined> {
  const stored = await recordsOf(manager).get(name);
  return stored && latestRun(manager, stored);
}

/**
 * All jobs that have run, and all jobs of this member.
 * @param ours the jobs of this member
 * @throws BackendUnavailableError
 */
export async function inspectJobs(manager: JobReader, ours: readonly Job[]): Promise<readonly JobInfo[]> {
  const records = new Map((await recordsOf(manager).list()).map((stored) => [stored.record.name, stored]));
  const here = new Map(ours.map((job) => [job.name, job]));
  const names = [...new Set([...here.keys(), ...records.keys()])].toSorted();
  return Promise.all(
    names.map(async (name) => {
      const stored = records.get(name);
      const skips = here.get(name)?.reports.skips ?? {};
      if (!stored) return { name, running: false, failures: 0, history: [], skips };
      return { ...infoOf(stored.record, await latestRun(manager, stored)), skips };
    }),
  );
}

function infoOf(record: RunRecord, last: LastRun): Omit<JobInfo, 'skips'> {
  const { name, schedule, next, success, failures, history } = record;
  return {
    name,
    schedule,
    ...(next !== undefined && { next: new Date(next) }),
    running: last.outcome === 'running',
    last,
    ...(success && {
      lastSuccess: new Date(success.end),
      lastSuccessAge: Math.max(0, systemClock.wall() - success.end),
    }),
    // The replica that finds a lost run counts it.
    failures: failures + (record.state === 'started' && last.outcome === 'lost' ? 1 : 0),
    history: history.map((past) => runOf(name, past)),
  };
}

/** A run that has begun is under way as long as its replica holds the lock of the job. */
async function latestRun(manager: JobReader, { record }: StoredRun): Promise<LastRun> {
  const run = runOf(record.name, record);
  if (record.state !== 'started') return run;
  return { ...run, outcome: (await manager.isHeld(jobLock(record.name))) ? 'running' : 'lost' };
}

function runOf(name: string, past: PastRun): LastRun {
  const { tick, state, start, end, memberId, attempt, madeUp = false, error } = past;
  return {
    name,
    tick: new Date(tick),
    startedAt: new Date(start),
    ...(end !== undefined && { endedAt: new Date(end) }),
    memberId,
    outcome: state === 'started' ? 'running' : state,
    ...(error !== undefined && { error }),
    attempt,
    madeUp,
  };
}
