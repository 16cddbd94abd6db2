import { quoted } from '../common/quoted.js';
import type { Grant, LockStore } from '../drivers/driver.js';
import { BackendUnavailableError } from '../errors.js';

/**
 * Whether the lock has a holder.
 * @param name with the coordinator's prefix
 */
export async function hasHolder(locks: LockStore, name: string): Promise<boolean> {
  return (await locks.holders(name)).some(({ holds }) => holds !== 'no');
}

/**
 * Whether the back end says that each of these grants holds its lock.
 * @throws BackendUnavailableError when that cannot be told
 */
export async function isHolder(
  locks: LockStore,
  grants: readonly Grant[],
  memberId: string,
): Promise<boolean> {
  const holds = await Promise.all(grants.map((grant) => holdsOne(locks, grant, memberId)));
  return holds.every(Boolean);
}

async function holdsOne(locks: LockStore, { name, key, id }: Grant, memberId: string): Promise<boolean> {
  const holders = await locks.holders(name, key);
  const holds = holders.find((holder) => holder.id === id)?.holds ?? 'no';
  if (holds === 'unknown')
    throw new BackendUnavailableError(
      `The back end cannot tell who holds the lock ${quoted(name)}: some of its nodes have the lease of ${memberId}, and the others do not answer`,
      { partial: true },
    );
  return holds === 'yes';
}
