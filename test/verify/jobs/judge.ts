import type { JournalEntry } from './replica.js';

const JOBS = ['short', 'half', 'long', 'minutely'] as const;

export interface Verdict {
  /** Ticks that ran, of all jobs. */
  readonly ran: number;
  /** Ticks that began more often than they may: each as text. */
  readonly doubles: readonly string[];
  /** Ticks that a replica fired for, and nobody began though no run of the job was in the way. */
  readonly missed: readonly string[];
  /** Those that came while an earlier run of the job was not over. */
  readonly overlapped: readonly string[];
  /** Ticks that began and never ended, though they should have run once more. */
  readonly unfinished: readonly string[];
  /** Doubles of a plain @Cron, and of a lock that skips. */
  readonly controls: { readonly plain: number; readonly locked: number };
}

interface Rules {
  readonly onCrash: 'skip' | 'rerun';
  readonly faults: boolean;
}

/** What the journal of all replicas says. */
export function judge(journal: readonly JournalEntry[], rules: Rules): Verdict {
  const verdict = {
    ran: 0,
    doubles: [] as string[],
    missed: [] as string[],
    overlapped: [] as string[],
    unfinished: [] as string[],
  };
  for (const job of JOBS)
    judgeJob(
      job,
      journal.filter((entry) => entry.job === job),
      rules,
      verdict,
    );
  return {
    ...verdict,
    controls: { plain: doublesOf(journal, 'plain'), locked: doublesOf(journal, 'locked') },
  };
}

function judgeJob(
  job: (typeof JOBS)[number],
  journal: readonly JournalEntry[],
  { onCrash, faults }: Rules,
  verdict: { ran: number; doubles: string[]; missed: string[]; overlapped: string[]; unfinished: string[] },
): void {
  const begun = byTick(journal, 'begun');
  const ended = byTick(journal, 'ended');
  verdict.ran += begun.size;
  for (const [tick, starts] of begun) {
    const text = `${job} ${new Date(tick).toISOString()}`;
    const attempts = starts.map(({ attempt }) => attempt);
    // An attempt never begins twice, and there is a second one only where that was asked for.
    if (new Set(attempts).size < attempts.length || (onCrash === 'skip' && attempts.length > 1))
      verdict.doubles.push(`${text}: attempts ${attempts.join(', ')}`);
    const last = tick >= Math.max(...begun.keys()) - 10_000;
    if (onCrash === 'rerun' && !ended.has(tick) && attempts.length < 2 && !last)
      verdict.unfinished.push(text);
  }
  if (faults) return;
  const ticks = [...begun.keys()].toSorted((a, b) => a - b);
  const [ahead, latest = 0] = [farthestAhead(journal), ticks.at(-1)];
  // It jumps over some ticks when it comes: nothing runs after a later tick, nor while another replica is at an earlier one.
  const from = journal.find(({ what, agentId }) => what === 'begun' && agentId === ahead)?.tick ?? Infinity;
  for (const [tick, entries] of byTick(journal, 'fired')) {
    // What its own scheduler left out, because the process was late, it has jumped over.
    if (tick <= from || tick > latest || begun.has(tick) || !entries.some(({ agentId }) => agentId === ahead))
      continue;
    // One that came while the job ran is skipped by all.
    // Also where a busy machine kept the back end from its answer.
    const excused = entries.some(
      ({ agentId, reason }) => agentId === ahead && (reason === 'locked' || reason === 'backend'),
    );
    verdict[excused ? 'overlapped' : 'missed'].push(`${job} ${new Date(tick).toISOString()}`);
  }
}

/** The replica whose clock is farthest ahead: it runs the ticks of the others before they come to them. */
function farthestAhead(journal: readonly JournalEntry[]): string | undefined {
  const first = new Map<string, number>();
  for (const { what, agentId, tick } of journal)
    if (what === 'fired' && !first.has(agentId)) first.set(agentId, tick);
  return [...first.entries()].toSorted(([, a], [, b]) => b - a)[0]?.[0];
}

function byTick(journal: readonly JournalEntry[], what: JournalEntry['what']): Map<number, JournalEntry[]> {
  const entries = new Map<number, JournalEntry[]>();
  for (const entry of journal)
    if (entry.what === what) entries.set(entry.tick, [...(entries.get(entry.tick) ?? []), entry]);
  return entries;
}

function doublesOf(journal: readonly JournalEntry[], what: 'plain' | 'locked'): number {
  return [...byTick(journal, what).values()].filter((entries) => entries.length > 1).length;
}
