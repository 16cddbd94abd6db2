import type { Fired, History, JobRecord, RunStarted, StartWritten, VersionSeen } from './history.js';
import { ms, type Violation } from './violation.js';

export interface JobRules {
  readonly onCrash: 'skip' | 'rerun';
  /** How long a lock is kept for a process that is gone or stopped, ms. */
  readonly ttl: number;
}

type Judged = Pick<History, 'jobs' | 'gone'>;

/** A firing, and what came of it. */
interface Occasion extends Fired {
  /** When it was over, or its process was gone; Infinity when it hung. */
  until: number;
  /** Why nothing more ran; undefined when the tick itself did, or the process was gone. */
  reason?: string;
  /** Whether a body ran for it: that of its tick, or of an earlier one. */
  ran: boolean;
}

/** Reasons for which a replica that can do nothing skips; a tick of which all replicas skipped for others was forgotten. */
const HELPLESS: ReadonlySet<string> = new Set(['backend', 'stopping', 'clock']);

/**
 * No tick is started more often than it may be, none is forgotten, a run that was lost is repeated where that was asked for, and
 * records only grow.
 *
 * @param history in which leases exclude each other, and records are kept
 */
export function judgeJobs(history: Judged, rules: JobRules): Violation[] {
  const names = new Set(history.jobs.flatMap((record) => ('job' in record ? [record.job] : [])));
  const occasions = occasionsOf(history);
  return [...names].flatMap((job) => {
    const mine = occasions.filter((occasion) => occasion.job === job);
    const ids = new Set(mine.map(({ occasion }) => occasion));
    const starts = kind(history.jobs, 'started').filter(({ occasion }) => ids.has(occasion));
    const written = kind(history.jobs, 'start written').filter((each) => each.job === job);
    const seen = kind(history.jobs, 'version seen').filter((each) => each.job === job);
    const ended = new Set(kind(history.jobs, 'ended').map(({ run }) => run));
    return [
      ...repeated(job, starts, rules),
      ...missed(job, mine, starts, written, rules),
      ...(rules.onCrash === 'rerun' ? notRepeated(job, starts, written, ended) : []),
      ...wentBack(job, seen),
    ];
  });
}

/** With `skip` a tick starts once; with `rerun` each of two attempts does. */
function repeated(job: string, starts: readonly RunStarted[], { onCrash }: JobRules): Violation[] {
  return [...byTick(starts)].flatMap(([tick, all]): Violation[] => {
    const attempts = all.map(({ attempt }) => attempt);
    const right = onCrash === 'skip' ? all.length === 1 : new Set(attempts).size === attempts.length;
    if (right && Math.max(...attempts) <= (onCrash === 'skip' ? 1 : 2)) return [];
    const when = all.map(({ at, attempt }) => `at ${ms(at)} (attempt ${attempt})`).join(' and ');
    return [{ judge: 'tick repeated', lock: job, message: `"${job}" started for the tick ${tick} ${when}` }];
  });
}

/**
 * Of a tick that fired and that nobody started one of these must be true: a start of it or of a later one was written before its last
 * firing had ended, as nothing runs after a later tick; a later tick fired by then; a replica could do nothing, or was gone; or an
 * earlier run was in its way.
 */
function missed(
  job: string,
  occasions: readonly Occasion[],
  starts: readonly RunStarted[],
  written: readonly StartWritten[],
  { ttl }: JobRules,
): Violation[] {
  const started = new Set(starts.map(({ tick }) => tick));
  return [...byTick(occasions)].flatMap(([tick, mine]): Violation[] => {
    if (started.has(tick)) return [];
    if (mine.some(isHelpless)) return [];
    const last = Math.max(...mine.map(({ until }) => until));
    if (written.some((start) => start.tick >= tick && start.at <= last)) return [];
    if (occasions.some((other) => other.tick > tick && other.at <= last)) return [];
    // A process that is stopped may have the lock, whatever it finds out later.
    const spans = (other: Occasion): boolean =>
      mine.some(({ at, until }) => other.at <= at && until <= other.until);
    const inTheWay = (other: Occasion): boolean =>
      other.tick !== tick &&
      (other.ran || isHelpless(other) || spans(other)) &&
      mine.some(({ at, until }) => other.at <= until && at <= other.until + ttl);
    if (mine.some(({ reason }) => reason === 'locked') && occasions.some(inTheWay)) return [];
    const reasons = mine.map(
      ({ worker, reason, until }) => `${worker} skipped it (${reason}) at ${ms(until)}`,
    );
    const message = `nobody started "${job}" for the tick ${tick}: ${reasons.join(', ')}`;
    return [{ judge: 'tick missed', lock: job, message }];
  });
}

function isHelpless({ reason }: Occasion): boolean {
  return reason === undefined || HELPLESS.has(reason);
}

/** Nothing starts after a run that was lost, before that was tried once more. */
function notRepeated(
  job: string,
  starts: readonly RunStarted[],
  written: readonly StartWritten[],
  ended: ReadonlySet<string>,
): Violation[] {
  return starts.flatMap((start): Violation[] => {
    if (start.attempt > 1 || ended.has(start.run)) return [];
    const later = starts.find(({ at, tick }) => at > start.at && tick !== start.tick);
    const again = written.some(({ tick, attempt }) => tick === start.tick && attempt > 1);
    if (!later || again) return [];
    const message = `the run of "${job}" for the tick ${start.tick}, started at ${ms(start.at)}, never ended and was not repeated, though ${later.tick} started at ${ms(later.at)}`;
    return [{ judge: 'run not repeated', lock: job, message }];
  });
}

/** Whoever asks after an answer was there sees that version, or a later one. */
function wentBack(job: string, seen: readonly VersionSeen[]): Violation[] {
  const answered = seen.toSorted((a, b) => a.at - b.at);
  const asked = seen.toSorted((a, b) => a.called - b.called);
  let next = 0;
  let latest: VersionSeen | undefined;
  for (const look of asked) {
    for (let known = answered[next]; known && known.at < look.called; known = answered[(next += 1)])
      if (!latest || known.version > latest.version) latest = known;
    if (!latest || look.version >= latest.version) continue;
    const message = `${look.worker} saw version ${look.version} of the record of "${job}" at ${ms(look.at)}, and ${latest.worker} had seen ${latest.version} at ${ms(latest.at)}`;
    return [{ judge: 'record went back', lock: job, message }];
  }
  return [];
}

function occasionsOf({ jobs, gone }: Judged): Occasion[] {
  const occasions = new Map<string, Occasion>();
  const runs = new Map<string, Occasion>();
  for (const record of jobs) {
    if (record.type === 'fired')
      occasions.set(record.occasion, { ...record, until: gone.get(record.worker) ?? Infinity, ran: false });
    if (record.type === 'skipped') {
      const occasion = known(occasions, record.occasion);
      occasion.until = record.at;
      occasion.reason = record.reason;
    }
    if (record.type === 'started') {
      const occasion = known(occasions, record.occasion);
      runs.set(record.run, occasion);
      occasion.ran = true;
    }
    if (record.type === 'ended') {
      known(runs, record.run).until = record.at;
    }
  }
  return [...occasions.values()];
}

function byTick<T extends { readonly tick: number }>(all: readonly T[]): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const each of all) {
    const group = groups.get(each.tick);
    if (group) group.push(each);
    else groups.set(each.tick, [each]);
  }
  return groups;
}

function known(occasions: ReadonlyMap<string, Occasion>, name: string): Occasion {
  const occasion = occasions.get(name);
  if (!occasion) throw new Error(`A record speaks of "${name}", which never began`);
  return occasion;
}

function kind<T extends JobRecord['type']>(
  records: readonly JobRecord[],
  type: T,
): Extract<JobRecord, { readonly type: T }>[] {
  return records.filter((record): record is Extract<JobRecord, { readonly type: T }> => record.type === type);
}
