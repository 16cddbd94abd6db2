import type { Clock } from '../common/clock.js';
import type { LockStore, RecordStore } from '../drivers/driver.js';
import type { Revocation } from './revocations.js';
import { readTold, type ToldMember } from './told.js';

/** The source of an inspection. */
export interface Source {
  readonly locks: LockStore;
  readonly records: RecordStore;
  readonly prefix: string;
  readonly clock: Clock;
  /** The member that looks, for others to see. */
  readonly memberId: string;
  /** The leases and waiting calls of this very coordinator; undefined for a tool that is no member. */
  readonly here?: (() => ToldMember) | undefined;
  /** Ends a lease of this very coordinator; false when it has none with that id. */
  readonly letGo?: ((id: string, revocation: Revocation) => boolean) | undefined;
}

/** The reports of all members, by incarnation; for this member its present state, and not that of its last heartbeat. */
export async function toldTo({ records, prefix, here }: Source): Promise<ReadonlyMap<string, ToldMember>> {
  const told = await readTold(records, prefix);
  const own = here?.();
  return own ? new Map([...told, [own.incarnation, own]]) : told;
}
