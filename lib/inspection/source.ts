import type { Clock } from '../common/clock.js';
import type { LockStore, RecordStore } from '../drivers/driver.js';
import type { Revocation } from './revocations.js';
import { readTold, type ToldMember } from './told.js';

/** Where what is looked at comes from. */
export interface Source {
  readonly locks: LockStore;
  readonly records: RecordStore;
  readonly prefix: string;
  readonly clock: Clock;
  /** Who looks, for others to see. */
  readonly memberId: string;
  /** What this very coordinator holds and waits for; undefined for a tool that is no member. */
  readonly here?: (() => ToldMember) | undefined;
  /** Has a lease of this very coordinator end; false when it has none with that id. */
  readonly letGo?: ((id: string, revocation: Revocation) => boolean) | undefined;
}

/** What each member tells, by incarnation; of this one what is so now, and not at its last heartbeat. */
export async function toldTo({ records, prefix, here }: Source): Promise<ReadonlyMap<string, ToldMember>> {
  const told = await readTold(records, prefix);
  const own = here?.();
  return own ? new Map([...told, [own.incarnation, own]]) : told;
}
