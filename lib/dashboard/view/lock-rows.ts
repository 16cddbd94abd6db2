import type { LockInfo } from '../../inspection/index.js';
import type { Level, Listed, LockRow, QueueRow } from '../wire.js';
import type { ViewContext } from './context.js';

/** The page shows at most so many locks, queues, and waiters of a queue. */
const [LOCKS, QUEUES, WAITERS] = [30, 10, 3];

/** A hold this many times as long as nine of ten is unusual. */
const UNUSUAL = 4;
/** ms; no shorter hold is called unusual. */
const SHORT = 1000;
/** A call that waits for longer than this, ms, behind an unusual hold needs a person. */
const STUCK = 30_000;
/** A hold of unknown kind is unusual after this, ms. */
const LONG = 300_000;

/** The held locks, by the longest wait, and then the oldest. */
export function lockRows(locks: readonly LockInfo[], context: ViewContext): Listed<LockRow> {
  const held = locks.filter(({ holders }) => holders.length > 0);
  const matching = held.filter((lock) => matches(lock, context));
  const ranked = matching
    .map((lock) => ({ lock, wait: longestWait(lock, context.at) ?? -1, since: sinceOf(lock) ?? Infinity }))
    .sort(
      (one, other) =>
        other.wait - one.wait || one.since - other.since || (one.lock.name < other.lock.name ? -1 : 1),
    )
    .slice(0, LOCKS);
  return {
    total: held.length,
    matching: matching.length,
    rows: ranked.map(({ lock }) => lockRow(lock, context)),
  };
}

export function queueRows(locks: readonly LockInfo[], context: ViewContext): Listed<QueueRow> {
  const waited = locks.filter(({ waiters }) => waiters.length > 0);
  const matching = waited.filter((lock) => matches(lock, context));
  const rows = matching
    .map((lock) => queueRow(lock, context))
    .sort((one, other) => other.longestWait - one.longestWait)
    .slice(0, QUEUES);
  return { total: waited.length, matching: matching.length, rows };
}

function matches(lock: LockInfo, { search, agentOf }: ViewContext): boolean {
  if (search === '') return true;
  const callers = [...lock.holders, ...lock.waiters];
  const texts = [
    lock.name,
    ...callers.flatMap(({ function: name = '', memberId = '' }) => [name, agentOf(memberId)]),
  ];
  return texts.some((text) => text.toLowerCase().includes(search));
}

function lockRow(lock: LockInfo, context: ViewContext): LockRow {
  const { name, holders, waiters } = lock;
  const { at, agentOf, ttl } = context;
  const since = sinceOf(lock);
  const heldFor = since === undefined ? undefined : Math.max(0, at - since);
  const named = holders.find((holder) => holder.function !== undefined);
  const usual = context.usual.of(name);
  const wait = longestWait(lock, at);
  return {
    name,
    kind: lock.kind,
    badge: badgeOf(lock),
    holders: [
      ...new Set(holders.map(({ memberId }) => (memberId === undefined ? 'unknown' : agentOf(memberId)))),
    ],
    function: named?.function,
    heldFor,
    usually: usual?.median,
    ttl,
    level: levelOf(heldFor, usual?.most, wait),
    waiting: waiters.length,
    longestWait: wait,
    token: holders.length === 1 ? holders[0]?.fencingToken : undefined,
  };
}

function queueRow({ name, waiters }: LockInfo, { at, agentOf }: ViewContext): QueueRow {
  const sorted = waiters
    .map(({ memberId, function: caller, since }) => ({
      agentId: agentOf(memberId),
      function: caller,
      waited: Math.max(0, at - since.getTime()),
    }))
    .sort((one, other) => other.waited - one.waited);
  return {
    name,
    waiting: waiters.length,
    longestWait: sorted[0]?.waited ?? 0,
    waiters: sorted.slice(0, WAITERS),
  };
}

function badgeOf({ kind, mode, holders, permits }: LockInfo): string | undefined {
  if (kind === 'semaphore')
    return permits === undefined ? `${holders.length} permits` : `${holders.length} of ${permits} permits`;
  if (kind !== 'lock') return kind;
  return mode === 'shared' ? `shared × ${holders.length}` : undefined;
}

function levelOf(heldFor = 0, most?: number, wait = 0): Level {
  const unusual = most === undefined ? heldFor > LONG : heldFor > Math.max(SHORT, UNUSUAL * most);
  if (unusual && wait > STUCK) return 'person';
  return unusual && most !== undefined ? 'watch' : 'plain';
}

function sinceOf({ holders }: LockInfo): number | undefined {
  return earliest(holders.map(({ since }) => since));
}

export function longestWait({ waiters }: LockInfo, at: number): number | undefined {
  const first = earliest(waiters.map(({ since }) => since));
  return first === undefined ? undefined : Math.max(0, at - first);
}

function earliest(times: readonly (Date | undefined)[]): number | undefined {
  const known = times.flatMap((time) => (time === undefined ? [] : [time.getTime()]));
  return known.length === 0 ? undefined : known.reduce((one, other) => Math.min(one, other));
}
