import type { Holder } from '../drivers/driver.js';
import type { HolderInfo, LockInfo, LockKind, WaiterInfo } from './inspection.types.js';
import { namedLock } from './lock-kinds.js';
import { type Source, toldTo } from './source.js';
import type { ToldCall, ToldLease, ToldMember } from './told.js';

/** So many locks are asked for at once that a member reports and the list lacks. */
const AT_ONCE = 50;

/** A lease, and the member that reports it. */
interface Told {
  readonly lease: ToldLease;
  readonly memberId: string;
}

type Begun = Pick<HolderInfo, 'since' | 'memberId'>;

/** A lock while it is put together. */
interface Draft {
  readonly name: string;
  readonly kind: LockKind;
  shared: boolean;
  readonly holders: HolderInfo[];
  readonly waiters: WaiterInfo[];
  permits?: number | undefined;
}

/**
 * The locks that are held or waited for. The back end names the holders; members report since when they hold, and for which function.
 * @throws BackendUnavailableError
 */
export async function inspectLocks(source: Source): Promise<readonly LockInfo[]> {
  const members = await toldTo(source);
  const told = new Map<string, Told>();
  for (const { memberId, leases } of members.values())
    for (const lease of leases) told.set(lease.id, { lease, memberId });
  const drafts = new Map<string, Draft>();
  for (const holder of await holdersIn(source, told))
    addHolder(drafts, source.prefix, holder, told.get(holder.id));
  for (const member of members.values()) for (const wait of member.waits) addWaiter(drafts, member, wait);
  return [...drafts.values()]
    .map(lockOf)
    .toSorted((a, b) => compare(a.name, b.name) || compare(a.kind, b.kind));
}

/** The holders in the list, and those that members report: an application may keep locks under its own keys, which are in no list. */
async function holdersIn(source: Source, told: ReadonlyMap<string, Told>): Promise<readonly Holder[]> {
  const { locks, prefix } = source;
  const listed = (await locks.list()).filter(({ name }) => name.startsWith(prefix));
  const known = new Set(listed.map(({ id }) => id));
  const names = new Set([...told].filter(([id]) => !known.has(id)).map(([, { lease }]) => lease.name));
  const missing = [...names];
  const found: Holder[] = [];
  for (let from = 0; from < missing.length; from += AT_ONCE) {
    const some = missing.slice(from, from + AT_ONCE);
    const holders = await Promise.all(some.map((name) => locks.holders(prefix + name)));
    found.push(...holders.flat().filter(({ id }) => told.has(id) && !known.has(id)));
  }
  return [...listed, ...found].filter(({ holds }) => holds !== 'no');
}

function addHolder(drafts: Map<string, Draft>, prefix: string, holder: Holder, told: Told | undefined): void {
  const lease = told?.lease;
  // The back end may have cut the name.
  const named = namedLock(lease?.name ?? holder.name.slice(prefix.length));
  // The holder of a turn waits for a permit.
  if (named.part === 'turn') return;
  const draft = draftOf(drafts, named.kind, named.name);
  const memberId = told?.memberId ?? holder.memberId;
  draft.shared ||= lease?.shared === true;
  draft.permits ??= lease?.permits;
  draft.holders.push({
    ...(memberId !== undefined && { memberId }),
    ...originOf(lease),
    ...(lease && { since: new Date(lease.since) }),
    ...(lease?.deadline !== undefined && { deadline: new Date(lease.deadline) }),
    ...(lease?.token !== undefined && { fencingToken: lease.token }),
  });
}

function addWaiter(drafts: Map<string, Draft>, { memberId }: ToldMember, wait: ToldCall): void {
  const { kind, name } = namedLock(wait.name);
  const draft = draftOf(drafts, kind, name);
  draft.permits ??= wait.permits;
  draft.waiters.push({ memberId, ...originOf(wait), since: new Date(wait.since) });
}

function originOf(call: ToldCall | undefined): { readonly function?: string; readonly template?: string } {
  return {
    ...(call?.function !== undefined && { function: call.function }),
    ...(call?.template !== undefined && { template: call.template }),
  };
}

function draftOf(drafts: Map<string, Draft>, kind: LockKind, name: string): Draft {
  const key = `${kind}:${name}`;
  let draft = drafts.get(key);
  if (!draft) drafts.set(key, (draft = { name, kind, shared: false, holders: [], waiters: [] }));
  return draft;
}

function lockOf({ name, kind, shared, holders, waiters, permits }: Draft): LockInfo {
  return {
    name,
    kind,
    // Without a report, several holders are sharers.
    mode: kind !== 'semaphore' && (shared || holders.length > 1) ? 'shared' : 'exclusive',
    holders: holders.toSorted(longestFirst),
    waiters: waiters.toSorted(longestFirst),
    ...(permits !== undefined && { permits }),
  };
}

/** Entries without a report come last. The id decides within a millisecond, so that no two answers differ in their order alone. */
function longestFirst(one: Begun, other: Begun): number {
  const [a, b] = [one.since?.getTime() ?? Number.MAX_VALUE, other.since?.getTime() ?? Number.MAX_VALUE];
  return a - b || compare(one.memberId ?? '', other.memberId ?? '');
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
