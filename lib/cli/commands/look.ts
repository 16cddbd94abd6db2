import type { Command } from 'commander';
import {
  type ElectionInfo,
  inspectElections,
  inspectLocks,
  inspectMembers,
  type LockInfo,
  type MemberInfo,
  type Source,
} from '../../inspection/index.js';
import { inspectJobs, type JobInfo } from '../../runs/index.js';
import { type GlobalOptions, withSource } from '../connect.js';
import { age, print, printJson, table } from '../output.js';

/** A table names so many waiters of one lock. */
const NAMED_WAITERS = 3;

/** A list that the tool can show, with its table. */
interface Listing<T> {
  readonly read: (source: Source) => Promise<readonly T[]>;
  readonly heads: readonly string[];
  readonly rows: (items: readonly T[]) => readonly (readonly string[])[];
  /** The text instead of an empty table. */
  readonly none: string;
}

export const LOCKS: Listing<LockInfo> = {
  read: inspectLocks,
  heads: ['LOCK', 'KIND', 'HOLDER', 'SINCE', 'FUNCTION', 'TOKEN', 'WAITERS'],
  rows: (locks) => locks.flatMap(rowsOfLock),
  none: 'No lock is held or waited for.',
};

export const MEMBERS: Listing<MemberInfo> = {
  read: inspectMembers,
  heads: ['MEMBER', 'HOST', 'PID', 'VERSION', 'STARTED', 'SEEN', 'HELD', 'WAITING', 'LEADS'],
  rows: (members) =>
    members.map(
      ({ memberId, host = '', pid = '', version = '', startedAt, lastSeen, held, waiting, leads }) => [
        memberId,
        host,
        String(pid),
        version,
        age(startedAt),
        age(lastSeen),
        String(held),
        String(waiting),
        leads.join(', '),
      ],
    ),
  none: 'No member is alive.',
};

const ELECTIONS: Listing<ElectionInfo> = {
  read: inspectElections,
  heads: ['ELECTION', 'LEADER', 'TERM', 'SINCE', 'CANDIDATES'],
  rows: (elections) =>
    elections.map(({ name, leader, campaigning = [] }) => [
      name,
      leader?.memberId ?? '',
      leader ? String(leader.term) : '',
      leader ? age(new Date(leader.since)) : '',
      campaigning.join(', '),
    ]),
  none: 'No election has a leader or a candidate.',
};

const JOBS: Listing<JobInfo> = {
  read: readJobs,
  heads: ['JOB', 'SCHEDULE', 'OUTCOME', 'MEMBER', 'STARTED', 'SUCCESS', 'FAILURES', 'NEXT', 'ERROR'],
  rows: (jobs) =>
    jobs.map(({ name, schedule = '', last, lastSuccess, failures, next }) => [
      name,
      schedule,
      last?.outcome ?? '',
      last?.memberId ?? '',
      ago(last?.startedAt),
      ago(lastSuccess),
      String(failures),
      next ? next.toISOString() : '',
      last?.error ?? '',
    ]),
  none: 'No job has run yet.',
};

/** Adds the commands that only look. */
export function addLooking(program: Command): void {
  program
    .command('locks')
    .description('the locks that are held or waited for')
    .argument('[filter]', 'those whose name has this text in it')
    .action(async (filter: string | undefined, _options: unknown, command: Command) => {
      const has = ({ name }: LockInfo): boolean => filter === undefined || name.includes(filter);
      const read = async (source: Source): Promise<readonly LockInfo[]> =>
        (await inspectLocks(source)).filter(has);
      const none =
        filter === undefined ? LOCKS.none : `No lock with "${filter}" in its name is held or waited for.`;
      await list(command, { ...LOCKS, read, none });
    });
  plain(program, 'members', 'the replicas that are alive', MEMBERS);
  plain(program, 'jobs', 'the jobs under @RunOnce, and how they went', JOBS);
  plain(program, 'elections', 'the leaders and the candidates', ELECTIONS);
}

function plain<T>(program: Command, name: string, description: string, listing: Listing<T>): void {
  program
    .command(name)
    .description(description)
    .action((_options: unknown, command: Command) => list(command, listing));
}

async function list<T>(command: Command, { read, heads, rows, none }: Listing<T>): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const items = await withSource(options, read);
  if (options.json) printJson(items);
  else print(items.length === 0 ? none : table(heads, rows(items)));
}

/** One line for each holder; the lock's own columns stand in the first. */
function rowsOfLock({ name, kind, mode, holders, waiters, permits }: LockInfo): string[][] {
  const limit = permits === undefined ? '' : ` ${holders.length}/${permits}`;
  const what = mode === 'shared' ? `${kind} (shared)` : `${kind}${limit}`;
  const lines = holders.length > 0 ? holders : [{ memberId: 'none' }];
  return lines.map((holder, index) => [
    index === 0 ? name : ' ',
    index === 0 ? what : ' ',
    holder.memberId ?? '',
    'since' in holder ? age(holder.since) : '',
    ('function' in holder ? holder.function : undefined) ?? '',
    'fencingToken' in holder ? String(holder.fencingToken ?? '') : '',
    index === 0 ? waitersIn(waiters) : ' ',
  ]);
}

function waitersIn(waiters: LockInfo['waiters']): string {
  if (waiters.length === 0) return '';
  const named = waiters.slice(0, NAMED_WAITERS).map(({ memberId, since }) => `${memberId} ${age(since)}`);
  const more = waiters.length > named.length ? ', …' : '';
  return `${waiters.length} (${named.join(', ')}${more})`;
}

function ago(since: Date | undefined): string {
  return since ? `${age(since)} ago` : '';
}

/** The tool has no jobs of its own. */
function readJobs({ records, locks, prefix }: Source): Promise<readonly JobInfo[]> {
  const isHeld = async (name: string): Promise<boolean> =>
    (await locks.holders(prefix + name)).some(({ holds }) => holds !== 'no');
  return inspectJobs({ records, settings: { prefix }, isHeld }, []);
}
