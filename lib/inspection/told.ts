import type { RecordStore, StoredRecord } from '../drivers/driver.js';

/** The space of the records in which members report what they hold and wait for. */
export const TOLD = 'told';

/** The value of one record has about so many characters at most. */
const LONGEST_PART = 4000;

/** Texts are cut after so many characters: names come from the data of an application. */
const LONGEST_TEXT = 1000;

/** A lease, or a call that waits for one. */
export interface ToldCall {
  /** The lock's name, without the prefix. */
  readonly name: string;
  /** Since when, by the member's clock, Unix time in ms. */
  readonly since: number;
  readonly shared?: true;
  readonly function?: string;
  readonly template?: string;
  /** How many permits the semaphore has, where it is one of its locks. */
  readonly permits?: number;
}

export interface ToldLease extends ToldCall {
  /** The id of the grant. */
  readonly id: string;
  readonly token?: number;
  /** Unix time in ms; only of leases of this process. */
  readonly deadline?: number;
}

/** The report of one start of a member. */
export interface ToldMember {
  readonly memberId: string;
  readonly incarnation: string;
  /** How many leases it holds, and how many of its calls wait. Not all of them may be reported one by one. */
  readonly held: number;
  readonly waiting: number;
  readonly leases: readonly ToldLease[];
  readonly waits: readonly ToldCall[];
}

type Entry = readonly ['lease', ToldLease] | readonly ['wait', ToldCall];

/** The values of the records of a report: none for a member that holds nothing and waits for nothing. */
export function partsOf({ memberId, incarnation, held, waiting, leases, waits }: ToldMember): string[] {
  const entries: Entry[] = [
    ...leases.map((lease): Entry => ['lease', lease]),
    ...waits.map((wait): Entry => ['wait', wait]),
  ];
  const parts: Entry[][] = [];
  let length = Infinity;
  for (const [kind, entry] of entries) {
    const shown = { ...entry, name: entry.name.slice(0, LONGEST_TEXT), deadline: undefined };
    const size = JSON.stringify(shown).length;
    if (length + size > LONGEST_PART) {
      parts.push([]);
      length = 0;
    }
    length += size;
    parts.at(-1)?.push([kind, shown] as Entry);
  }
  return parts.map((part, index) => {
    const counts = index === 0 ? { held, waiting } : { held: 0, waiting: 0 };
    const of = (wanted: Entry[0]): unknown[] =>
      part.filter(([kind]) => kind === wanted).map(([, entry]) => entry);
    return JSON.stringify({ memberId, incarnation, ...counts, leases: of('lease'), waits: of('wait') });
  });
}

/** The key of one record. One member id may be the beginning of another, so the id stands in the value too. */
export function partKey(
  { memberId, incarnation }: Pick<ToldMember, 'memberId' | 'incarnation'>,
  part: number,
): string {
  return `${memberId}:${incarnation}:${part}`;
}

/** The reports of all members whose ids begin with the prefix, by their incarnations. */
export async function readTold(
  records: RecordStore,
  prefix: string,
): Promise<ReadonlyMap<string, ToldMember>> {
  const members = new Map<string, ToldMember>();
  const stored = (await records.list(TOLD)).filter(({ key }) => key.startsWith(prefix));
  for (const part of stored.flatMap((record) => parsed(record) ?? [])) {
    const there = members.get(part.incarnation);
    members.set(part.incarnation, there ? together(there, part) : part);
  }
  return members;
}

function together(one: ToldMember, other: ToldMember): ToldMember {
  return {
    ...one,
    held: one.held + other.held,
    waiting: one.waiting + other.waiting,
    leases: [...one.leases, ...other.leases],
    waits: [...one.waits, ...other.waits],
  };
}

/** Undefined for a value that no version of this package has written. */
function parsed({ value }: StoredRecord): ToldMember | undefined {
  try {
    const { memberId, incarnation, held, waiting, leases, waits } = JSON.parse(value) as Partial<ToldMember>;
    if (typeof memberId !== 'string' || typeof incarnation !== 'string') return undefined;
    return {
      memberId,
      incarnation,
      held: held ?? 0,
      waiting: waiting ?? 0,
      leases: Array.isArray(leases) ? leases : [],
      waits: Array.isArray(waits) ? waits : [],
    };
  } catch {
    // See above.
    return undefined;
  }
}
