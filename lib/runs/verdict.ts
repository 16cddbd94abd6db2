import type { Occasion } from './occasion.js';
import type { StoredRun } from './run-record.js';

/** A run that was lost is repeated once. */
const MOST_ATTEMPTS = 2;

/** The settings that decide whether a run is due. */
export interface JudgedSettings {
  readonly onCrash: 'skip' | 'rerun';
  /** How far ahead of the back end's clock a tick may be, ms. */
  readonly maxSkew: number;
}

/**
 * The state of an occasion, from the record: it needs a run; it is done; or its run is under way, and would be repeated if its runner
 * died.
 */
export type Verdict = 'due' | 'done' | 'under way';

/** @param stored the record of the latest run, where there is one */
export function judge(settings: JudgedSettings, stored: StoredRun | undefined, occasion: Occasion): Verdict {
  if (!stored || isFromTheFuture(settings, stored, occasion) || !occasion.isDone(stored)) return 'due';
  if (stored.record.state === 'started' && mayRepeat(settings, stored)) return 'under way';
  return 'done';
}

/** Whether a run without an outcome runs once more, when its replica is not at it any more. */
export function mayRepeat({ onCrash }: JudgedSettings, { record }: Pick<StoredRun, 'record'>): boolean {
  return onCrash === 'rerun' && record.attempt < MOST_ATTEMPTS;
}

/** @param at the time by the back end's clock, Unix time, ms */
export function isTooFarAhead({ maxSkew }: JudgedSettings, { byClock, tick }: Occasion, at: number): boolean {
  return byClock && tick > at + maxSkew;
}

/** A replica with a wrong clock has written the record. Without this check, the job would wait for that time. */
export function isFromTheFuture(
  { maxSkew }: JudgedSettings,
  { record, at }: StoredRun,
  { byClock }: Occasion,
): boolean {
  return byClock && record.tick > at + maxSkew;
}
