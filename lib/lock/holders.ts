import { quoted } from '../common/quoted.js';
import type { LockStore } from '../drivers/driver.js';
import { BackendUnavailableError } from '../errors.js';
import type { HeldLease } from './lease/index.js';

/**
 * Whether the lock has a holder.
 * @param name with the coordinator's prefix
 */
export async function hasHolder(locks: LockStore, name: string): Promise<boolean> {
  return (await locks.holders(name)).some(({ holds }) => holds !== 'no');
}

/**
 * Whether the back end says that each of these leases holds its lock.
 * @throws BackendUnavailableError when that cannot be told
 */
export async function isHolder(
  locks: LockStore,
  leases: readonly HeldLease[],
  memberId: string,
): Promise<boolean> {
  const holds = await Promise.all(leases.map((lease) => holdsOne(locks, lease, memberId)));
  return holds.every(Boolean);
}

async function holdsOne(locks: LockStore, lease: HeldLease, memberId: string): Promise<boolean> {
  const { name, key } = lease.grant;
  const holders = await locks.holders(name, key);
  const holds = holders.filter(({ id }) => lease.isKnownBy(id)).map((holder) => holder.holds);
  if (holds.includes('yes')) return true;
  if (holds.includes('unknown'))
    throw new BackendUnavailableError(
      `The back end cannot tell who holds the lock ${quoted(name)}: some of its nodes have the lease of ${memberId}, and the others do not answer`,
      { partial: true },
    );
  return false;
}
