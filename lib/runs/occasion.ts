import type { RunRecord, StoredRun } from './run-record.js';

/** The longest wait for the lock of a job whose schedule is not known, ms. */
const LONGEST_WAIT = 250;

/** A run of `every` may come too early by this, ms, as timers are early and claims take a while: a tenth of the period at most. */
const LARGEST_TOLERANCE = 1000;

/** A correction of the back end's clock up to this, ms, changes nothing. */
const LARGEST_CORRECTION = 1000;

/** The text in front of the id in a schedule that has one. */
const ONCE_FOR = 'once for ';

/** One time at which a job is to run: its tick, and how to tell from the record that it needs no run any more. */
export interface Occasion {
  /** The schedule as text; two replicas with the same text have the same ticks. */
  readonly schedule: string;
  /** Unix time, ms. */
  readonly tick: number;
  /** The tick after it, where there is one. */
  readonly next?: number;
  /** How long to wait for the lock of the job, ms: a replica that only looks may have it for a moment. */
  readonly maxWait: number;
  /** True where ticks are computed from the clock of each replica, so that a wrong clock makes wrong ticks. */
  readonly byClock: boolean;
  readonly madeUp?: boolean;
  /** The id for which it is to run once. */
  readonly id?: string;
  /** Whether the run in the record is this one, or a later one. */
  isDone(run: StoredRun): boolean;
}

/**
 * A tick of a schedule. It is done when a run for it, or for a later tick, has begun. A scheduler may fire twice for one tick, when the
 * clock is set back or the hour is repeated in autumn: so nothing runs before the tick that follows the last one.
 *
 * @param follows returns the tick after another; undefined where a schedule has one tick alone
 */
export function tickOccasion(
  schedule: string,
  tick: number,
  follows: (tick: number) => number | undefined,
  madeUp = false,
): Occasion {
  const next = follows(tick);
  return {
    schedule,
    tick,
    next,
    maxWait: next === undefined ? LONGEST_WAIT : Math.min(LONGEST_WAIT, (next - tick) / 2),
    byClock: true,
    madeUp,
    isDone: ({ record }) => tick <= record.tick || (follows(record.tick) ?? tick) > tick,
  };
}

/** A run each `period` ms after the start of the last one, by the clock of the back end. */
export function everyOccasion(period: number, now: number): Occasion {
  const tolerance = Math.min(period / 10, LARGEST_TOLERANCE);
  return {
    schedule: `every ${period} ms`,
    tick: now,
    next: now + period,
    maxWait: Math.min(LONGEST_WAIT, period / 2),
    byClock: false,
    isDone: (run) => untilDue(period, run) > tolerance,
  };
}

/**
 * How long a job with a period has to wait for its next run, ms. When a start is in the future of the back end's clock, that clock was
 * set back since. The true time of the start is unknown then, and the job is due.
 */
export function untilDue(period: number, { startedAgo }: StoredRun): number {
  if (startedAgo < -LARGEST_CORRECTION) return 0;
  return Math.min(period, Math.max(0, period - startedAgo));
}

/** One run for each id, over all replicas. */
export function idOccasion(id: string, now: number): Occasion {
  return {
    schedule: ONCE_FOR + id,
    tick: now,
    maxWait: LONGEST_WAIT,
    byClock: false,
    id,
    isDone: ({ record }) => idsOf(record).includes(id),
  };
}

/** The ids for which a job has begun, newest first. A record of an earlier version has only the id of its latest run. */
export function idsOf({ ids, schedule }: RunRecord): readonly string[] {
  if (ids) return ids;
  return schedule.startsWith(ONCE_FOR) ? [schedule.slice(ONCE_FOR.length)] : [];
}

/** The run in the record, once more: its runner has not written how it ended. */
export function repeatedOccasion({ record }: StoredRun): Occasion {
  return {
    schedule: record.schedule,
    tick: record.tick,
    ...(record.next !== undefined && { next: record.next }),
    maxWait: LONGEST_WAIT,
    byClock: false,
    madeUp: record.madeUp ?? false,
    isDone: (run) => run.record.tick >= record.tick,
  };
}
