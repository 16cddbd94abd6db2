import type { JobInfo, LastRun } from '../../runs/index.js';
import type { JobRow, Level, Listed, RunBar } from '../wire.js';
import type { ViewContext } from './context.js';

const [JOBS, RUNS] = [50, 16];
/** After so many failures in a row a person should look. */
const TOO_OFTEN = 3;
/** A tick that has not run for so long, ms, is overdue. */
const OVERDUE = 60_000;

export function jobRows(jobs: readonly JobInfo[], context: ViewContext): Listed<JobRow> {
  const matching = jobs.filter(({ name }) => name.toLowerCase().includes(context.search));
  const rows = matching.map((job) => jobRow(job, context));
  const worstFirst = rows.sort(
    (one, other) => rank(one.level) - rank(other.level) || one.name.localeCompare(other.name),
  );
  return { total: jobs.length, matching: matching.length, rows: worstFirst.slice(0, JOBS) };
}

function jobRow(job: JobInfo, { at, agentOf }: ViewContext): JobRow {
  const { name, schedule, running, failures, last, next, history } = job;
  const runs = [...(last ? [last] : []), ...history].slice(0, RUNS).toReversed();
  const nextIn = next && next.getTime() - at;
  const bad = last !== undefined && (last.outcome === 'failed' || last.outcome === 'lost');
  return {
    name,
    schedule,
    running,
    failures,
    runs: runs.map((run) => barOf(run, at)),
    last: last && {
      ago: Math.max(0, at - (last.endedAt ?? last.startedAt).getTime()),
      took: last.endedAt && tookOf(last, at),
      outcome: last.outcome,
      on: agentOf(last.memberId),
    },
    error: bad ? last.error : undefined,
    nextIn,
    level: levelOf(bad, failures, running ? 0 : (nextIn ?? 0)),
  };
}

function levelOf(bad: boolean, failures: number, nextIn: number): Level {
  if (failures >= TOO_OFTEN) return 'person';
  return bad || nextIn < -OVERDUE ? 'watch' : 'plain';
}

function barOf(run: LastRun, at: number): RunBar {
  const { outcome, madeUp, startedAt } = run;
  return { outcome, took: tookOf(run, at), madeUp, at: startedAt.getTime() };
}

function tookOf({ startedAt, endedAt, outcome }: LastRun, at: number): number | undefined {
  const end = endedAt?.getTime() ?? (outcome === 'running' ? at : undefined);
  return end === undefined ? undefined : Math.max(0, end - startedAt.getTime());
}

function rank(level: Level): number {
  return ['person', 'watch', 'plain'].indexOf(level);
}
