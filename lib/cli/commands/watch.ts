import { setTimeout as after } from 'node:timers/promises';
import type { Command } from 'commander';
import { msOf } from '../../common/duration.js';
import { printable, quoted } from '../../common/quoted.js';
import {
  inspectLocks,
  inspectMembers,
  type LockInfo,
  type MemberInfo,
  type Source,
} from '../../inspection/index.js';
import { type GlobalOptions, withSource } from '../connect.js';
import { CliError } from '../failure.js';
import { print, say, table } from '../output.js';
import { LOCKS, MEMBERS } from './look.js';

/** Moves the cursor of a terminal to its first place, and clears what stands behind it. */
const HOME = '\u001B[H\u001B[J';

/** A person reads no faster than this, ms. */
const SHORTEST_PERIOD = 100;

interface WatchOptions extends GlobalOptions {
  readonly every: string;
}

/** The locks and members at one moment. */
interface Scene {
  readonly locks: readonly LockInfo[];
  readonly members: readonly MemberInfo[];
}

/** A change since the moment before: one line. */
export interface Change {
  readonly at: Date;
  readonly change: 'held' | 'freed' | 'waiting' | 'gone' | 'joined' | 'left';
  /** The name of the lock or the member. */
  readonly name: string;
  readonly memberId?: string;
}

/** Adds `watch`: drawn anew in place on a terminal, a line for each change elsewhere. */
export function addWatch(program: Command): void {
  program
    .command('watch')
    .description(
      'what changes, live: drawn in place on a terminal, a line per change elsewhere; with --json one document per line',
    )
    .option('--every <duration>', 'how often to look', '1s')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<WatchOptions>();
      const period = msOf(options.every);
      if (!(period >= SHORTEST_PERIOD))
        throw new CliError(
          `--every must be a duration of at least ${SHORTEST_PERIOD} ms, as 1s, got ${quoted(options.every)}`,
        );
      await withSource(options, (source) => watch(source, period, options));
    });
}

async function watch(source: Source, period: number, { json }: GlobalOptions): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  const draws = process.stdout.isTTY && !json;
  let before: Scene = { locks: [], members: [] };
  while (!stop.signal.aborted) {
    const scene = await sceneOf(source);
    if (scene) {
      if (draws) process.stdout.write(HOME + drawn(scene));
      else
        for (const change of changesBetween(before, scene))
          print(json ? JSON.stringify(change) : lineOf(change));
      before = scene;
    }
    // It rejects when it is cut short.
    await after(period, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

/** Undefined when the back end could not be asked; the next look may succeed. */
async function sceneOf(source: Source): Promise<Scene | undefined> {
  try {
    const [locks, members] = await Promise.all([inspectLocks(source), inspectMembers(source)]);
    return { locks, members };
  } catch (error) {
    say(`nestjs-coordination: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function drawn({ locks, members }: Scene): string {
  const time = new Date().toISOString().slice(11, 19);
  const parts = [
    `${time}  ${locks.length} locks, ${members.length} members  (Ctrl+C ends)`,
    locks.length === 0 ? LOCKS.none : table(LOCKS.heads, LOCKS.rows(locks)),
    members.length === 0 ? MEMBERS.none : table(MEMBERS.heads, MEMBERS.rows(members)),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** The changes from one moment to the next, the ends first. */
export function changesBetween(before: Scene, now: Scene, at = new Date()): Change[] {
  const [old, fresh] = [factsIn(before), factsIn(now)];
  const gone = [...old]
    .filter(([key]) => !fresh.has(key))
    .map(([, { ends, ...fact }]) => ({ at, ...fact, change: ends }));
  const come = [...fresh]
    .filter(([key]) => !old.has(key))
    .map(([, { ends: _ends, ...fact }]) => ({ at, ...fact }));
  return [...gone, ...come];
}

/** The facts of one moment, each by a key of its own. */
function factsIn({
  locks,
  members,
}: Scene): Map<string, Omit<Change, 'at'> & { readonly ends: Change['change'] }> {
  const facts = new Map<string, Omit<Change, 'at'> & { readonly ends: Change['change'] }>();
  for (const { memberId } of members)
    facts.set(`member ${memberId}`, { change: 'joined', name: memberId, ends: 'left' });
  for (const { name, kind, holders, waiters } of locks) {
    // A holder without a member id reports it with its next heartbeat.
    for (const { memberId } of holders.filter((holder) => holder.memberId !== undefined))
      facts.set(JSON.stringify(['held', kind, name, memberId]), {
        change: 'held',
        name,
        memberId,
        ends: 'freed',
      });
    for (const { memberId, since } of waiters)
      facts.set(JSON.stringify(['waiting', kind, name, memberId, since]), {
        change: 'waiting',
        name,
        memberId,
        ends: 'gone',
      });
  }
  return facts;
}

const SAID: Readonly<Record<Change['change'], (name: string, memberId: string) => string>> = {
  held: (name, memberId) => `+ lock ${name} held by ${memberId}`,
  freed: (name, memberId) => `- lock ${name} no longer held by ${memberId}`,
  waiting: (name, memberId) => `? lock ${name} waited for by ${memberId}`,
  gone: (name, memberId) => `. lock ${name} no longer waited for by ${memberId}`,
  joined: (name) => `+ member ${name} is alive`,
  left: (name) => `- member ${name} has left`,
};

function lineOf({ at, change, name, memberId = '' }: Change): string {
  return `${at.toISOString()} ${SAID[change](printable(name), printable(memberId))}`;
}
