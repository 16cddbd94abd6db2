import type { RecordStore, StoredRecord, Watch } from '../drivers/driver.js';
import type { Leader } from './election.js';

/** The space of the records that name the leaders; their version is the term. */
export const ELECTIONS = 'elections';
/** The space of the requests that a leader steps down; their version is the term that shall end. */
const REQUESTS = 'election-requests';

/** The records of the back end about the leader of one election. */
export class LeaderRecords {
  /**
   * @param key the election's name, with the coordinator's prefix
   * @param ttl of a record, ms
   */
  constructor(
    private readonly records: RecordStore,
    private readonly key: string,
    private readonly ttl: number,
  ) {}

  async leader(): Promise<Leader | undefined> {
    return leaderIn(await this.records.get(ELECTIONS, this.key));
  }

  /** Writes that this leader leads, or goes on leading. Returns the leader that the record names now. */
  async put(leader: Leader): Promise<Leader | undefined> {
    const { term, ...rest } = leader;
    const value = JSON.stringify(rest);
    return leaderIn(
      await this.records.put({ space: ELECTIONS, key: this.key, version: term, value }, this.ttl),
    );
  }

  /** Removes the record of that term, and the requests to end it. */
  async remove(term: number): Promise<void> {
    await Promise.all([
      this.records.remove(ELECTIONS, this.key, term),
      this.records.remove(REQUESTS, this.key, term),
    ]);
  }

  /** Asks the leader of that term to step down. */
  async request(term: number, memberId: string): Promise<void> {
    const value = JSON.stringify({ memberId });
    await this.records.put({ space: REQUESTS, key: this.key, version: term, value }, this.ttl);
  }

  /** The member that asks the leader of that term to step down, if any does. */
  async requestOf(term: number): Promise<string | undefined> {
    const request = await this.records.get(REQUESTS, this.key);
    if (request?.version !== term) return undefined;
    const { memberId } = fieldsOf(request.value);
    return typeof memberId === 'string' ? memberId : 'a member that gave no name';
  }

  watchRequests(onChange: () => void): Watch {
    return this.records.watch(REQUESTS, onChange);
  }

  watchLeader(onChange: () => void): Watch {
    return this.records.watch(ELECTIONS, onChange);
  }
}

/** The leader of each election. @param prefix of the coordinator */
export async function leadersIn(records: RecordStore, prefix: string): Promise<ReadonlyMap<string, Leader>> {
  const leaders = new Map<string, Leader>();
  for (const record of await records.list(ELECTIONS)) {
    const leader = record.key.startsWith(prefix) ? leaderIn(record) : undefined;
    if (leader) leaders.set(record.key.slice(prefix.length), leader);
  }
  return leaders;
}

function leaderIn(record: StoredRecord | undefined): Leader | undefined {
  // The back end may say of a record without a value that it was removed.
  if (!record || record.value === '') return undefined;
  const { memberId, agentId, incarnation, since } = fieldsOf(record.value);
  return {
    memberId: String(memberId),
    agentId: String(agentId),
    incarnation: String(incarnation),
    term: record.version,
    since: Number(since),
  };
}

/** A record that another version of this package has written may have more fields, or others. */
function fieldsOf(value: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    // The term is known all the same, and so is that it has a leader.
    return {};
  }
}
