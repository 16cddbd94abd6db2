import type { StoredRecord } from '../drivers/driver.js';
import { leadersIn } from '../elections/index.js';
import { MEMBERS } from '../lock/renewal/index.js';
import { compare } from './inspect-locks.js';
import type { ElectionInfo, MemberInfo } from './inspection.types.js';
import { namedLock } from './lock-kinds.js';
import { type Source, toldTo } from './source.js';

/** The members that are alive. @throws BackendUnavailableError */
export async function inspectMembers(source: Source): Promise<readonly MemberInfo[]> {
  const { records, prefix } = source;
  const [stored, told, leaders] = await Promise.all([
    records.list(MEMBERS),
    toldTo(source),
    leadersIn(records, prefix),
  ]);
  const own = source.here?.().incarnation;
  const members = stored
    .filter(({ key }) => key.startsWith(prefix))
    .flatMap((record) => memberIn(record) ?? []);
  return members
    .map(({ memberId, incarnation, ...rest }): MemberInfo => {
      const { held = 0, waiting = 0 } = told.get(incarnation) ?? {};
      const leads = [...leaders]
        .filter(([, leader]) => leader.incarnation === incarnation)
        .map(([name]) => name);
      return {
        memberId,
        agentId: memberId.slice(prefix.length),
        incarnation,
        ...rest,
        held,
        waiting,
        leads: leads.toSorted(compare),
        here: incarnation === own,
      };
    })
    .toSorted((a, b) => compare(a.memberId, b.memberId));
}

/** The elections that have a leader or a candidate. @throws BackendUnavailableError */
export async function inspectElections(source: Source): Promise<readonly ElectionInfo[]> {
  const [told, leaders] = await Promise.all([toldTo(source), leadersIn(source.records, source.prefix)]);
  const candidates = new Map<string, string[]>();
  for (const { memberId, waits } of told.values())
    for (const { kind, name } of waits.map((wait) => namedLock(wait.name)))
      if (kind === 'election') candidates.set(name, [...(candidates.get(name) ?? []), memberId]);
  const names = [...new Set([...leaders.keys(), ...candidates.keys()])].toSorted(compare);
  return names.map((name) => {
    const leader = leaders.get(name);
    const campaigning = candidates.get(name)?.toSorted(compare);
    return { name, ...(leader && { leader }), ...(campaigning && { campaigning }) };
  });
}

type Stored = Omit<MemberInfo, 'agentId' | 'held' | 'waiting' | 'leads' | 'here'>;

/** Undefined for a value that no version of this package has written. */
function memberIn({ key, value, at, remaining }: StoredRecord): Stored | undefined {
  let about: Readonly<Record<string, unknown>>;
  try {
    about = { ...(JSON.parse(value) as object) };
  } catch {
    // See above.
    return undefined;
  }
  const { incarnation, pid, host, version, startedAt, ttl } = about;
  if (typeof incarnation !== 'string') return undefined;
  // Each heartbeat stores the record for the ttl anew.
  const ago = typeof ttl === 'number' ? Math.max(0, ttl - remaining) : 0;
  return {
    memberId: key,
    incarnation,
    ...(typeof pid === 'number' && { pid }),
    ...(typeof host === 'string' && { host }),
    ...(typeof version === 'string' && { version }),
    ...(typeof startedAt === 'number' && { startedAt: new Date(startedAt) }),
    lastSeen: new Date(at - ago),
  };
}
