import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import type { Fleet } from './fleet.js';
import type { Replica } from './replica.js';

/** How long the replicas may take to go on, ms. */
const LONGEST_WAIT = 30_000;
const LOOK = 20;

/** A line of an audit's report. */
interface Entry {
  readonly tick: string;
  readonly replica: string;
  readonly attempt: number;
  readonly what: string;
}

/** What became of a run whose replica was killed in the middle. */
export interface KilledRun {
  readonly held: boolean;
  readonly text: string;
  /** The process in the place of the one that was killed. */
  readonly restarted: Replica;
}

/** Kills the replica that has an audit in hand, looks at what the others do, and starts it again. */
export async function killRun(
  fleet: Fleet,
  onCrash: 'skip' | 'rerun',
  ending: AbortSignal,
): Promise<KilledRun> {
  const report = join(fleet.directory, `audit-${onCrash}.log`);
  const seen = (await entriesOf(report)).length;
  const victim = await first(report, ending, (all) => {
    const last = all.at(-1);
    return all.length > seen && last?.what === 'begun' && last.attempt === 1 ? last : undefined;
  });
  const isOver = (await entriesOf(report)).some(
    ({ tick, replica, what }) => tick === victim.tick && replica === victim.replica && what === 'ended',
  );
  // A busy machine was too late for that run.
  if (isOver) return killRun(fleet, onCrash, ending);
  fleet.killReplica(victim.replica);
  const killed = performance.now();
  const later = (all: readonly Entry[]): Entry | undefined =>
    all.find(
      ({ tick, replica, what }) => tick >= victim.tick && replica !== victim.replica && what === 'begun',
    );
  const next = await first(report, ending, later);
  const ms = Math.round(performance.now() - killed);
  const restarted = await fleet.restart(victim.replica);
  const again = (await entriesOf(report)).filter(
    ({ tick, what }) => tick === victim.tick && what === 'begun',
  );
  const was = `onCrash: '${onCrash}'`.padEnd(17);
  if (next.tick !== victim.tick) {
    return {
      restarted,
      held: onCrash === 'skip' && again.length === 1,
      text: `${was}  ${victim.replica} was killed at its tick ${victim.tick}; that one is spent, and ${next.replica} ran the one of ${next.tick}`,
    };
  }
  return {
    restarted,
    held: onCrash === 'rerun' && next.attempt === 2,
    text: `${was}  ${victim.replica} was killed at its tick ${victim.tick}; ${next.replica} ran it again, ${ms} ms later (attempt ${next.attempt})`,
  };
}

async function first<T>(
  report: string,
  ending: AbortSignal,
  find: (entries: readonly Entry[]) => T | undefined,
): Promise<T> {
  const end = performance.now() + LONGEST_WAIT;
  for (;;) {
    const found = find(await entriesOf(report));
    if (found !== undefined) return found;
    if (performance.now() > end)
      throw new Error(`The audits in ${report} did not go on in ${LONGEST_WAIT} ms`);
    await after(LOOK, undefined, { signal: ending });
  }
}

async function entriesOf(report: string): Promise<Entry[]> {
  const text = await readFile(report, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const [tick, replica, attempt, what] = line.split(' ');
    return tick && replica && what ? [{ tick, replica, attempt: Number(attempt), what }] : [];
  });
}
