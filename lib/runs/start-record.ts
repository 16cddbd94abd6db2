import { idsOf, type Occasion } from './occasion.js';
import { lifeOf, pastRun, type RunRecord } from './run-record.js';

/** So many ids are remembered, whatever the history keeps: releases may be deployed side by side, or come back. */
const MOST_IDS = 20;

export interface Start {
  readonly name: string;
  readonly occasion: Occasion;
  /** The fencing token of the lease under which the job runs. */
  readonly token: number;
  readonly memberId: string;
  /** Unix time of the runner, ms. */
  readonly now: number;
  /** The record of the latest run, where there is one. */
  readonly before: RunRecord | undefined;
  /** Whether that run is repeated. */
  readonly repeats: boolean;
  /** How many earlier runs the record keeps. */
  readonly history: number;
}

/** The record that is written when a run begins. */
export function startRecord(start: Start): RunRecord {
  const { name, occasion, token, memberId, now, before, repeats, history } = start;
  const { schedule, tick, next, madeUp = false } = occasion;
  const past = before ? [pastRun(before), ...before.history] : [];
  const ids = idsWith(occasion, before);
  const crashed = before?.state === 'started';
  return {
    name,
    schedule,
    tick,
    ...(next !== undefined && { next }),
    token,
    memberId,
    state: 'started',
    start: now,
    sinceStart: 0,
    life: lifeOf(tick, next),
    attempt: repeats && before ? before.attempt + 1 : 1,
    ...(madeUp && { madeUp }),
    ...(before?.success && { success: before.success }),
    failures: (before?.failures ?? 0) + (crashed ? 1 : 0),
    ...(ids.length > 0 && { ids }),
    history: past.slice(0, history),
  };
}

function idsWith({ id }: Occasion, before: RunRecord | undefined): readonly string[] {
  const there = before ? idsOf(before) : [];
  return id === undefined ? there : [...new Set([id, ...there])].slice(0, MOST_IDS);
}
