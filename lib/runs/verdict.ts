import type { Occasion } from './occasion.js';
import type { StoredRun } from './run-record.js';

/** A run that was lost is repeated once. */
const MOST_ATTEMPTS = 2;

/** What decides whether a run is due. */
export interface JudgedSettings {
  readonly onCrash: 'skip' | 'rerun';
  /** How far ahead of the back end's clock a tick may be, ms. */
  readonly maxSkew: number;
}

/**
 * What the record says of an occasion: it needs a run; it is done; or its run is under way, and would be repeated if its runner
 * died.
 */
export type Verdict = 'due' | 'done' | 'under way';

/** @param stored the record of the latest run, where there is one */
export function judge(settings: JudgedSettings, stored: StoredRun | undefined, occasion: Occasion): Verdict {
  if (!stored || isFromTheFuture(settings, stored, occasion) || !occasion.isDone(stored)) return 'due';
  if (stored.record.state === 'started' && mayRepeat(settings, stored)) return 'under way';
  return 'done';
}

/** Whether a run that has no outcome runs once more, when nobody is at it any more. */
export function mayRepeat({ onCrash }: JudgedSettings, { record }: Pick<StoredRun, 'record'>): boolean {
  return onCrash === 'rerun' && record.attempt < MOST_ATTEMPTS;
}

/** @param at what the clock of the back end said, Unix time, ms */
export function isTooFarAhead({ maxSkew }: JudgedSettings, { byClock, tick }: Occasion, at: number): boolean {
  return byClock && tick > at + maxSkew;
}

/** A replica with a wrong clock has written it; without this, the job would wait for that time. */
export function isFromTheFuture(
  { maxSkew }: JudgedSettings,
  { record, at }: StoredRun,
  { byClock }: Occasion,
): boolean {
  return byClock && record.tick > at + maxSkew;
}
