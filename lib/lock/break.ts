import type { Holder, LockStore, Loss } from '../drivers/driver.js';
import type { LeaseHolding } from './lease-holding.js';

/** How often a break looks for the holders when the lock changes hands at that very moment. */
const MOST_LOOKS = 3;

const BROKEN: Loss = { reason: 'broken', message: 'the lock was broken' };

/** `free`: the lock had no holder. `left`: the holders that were found had left it before it was taken away. */
export type BreakOutcome = 'free' | 'left' | 'broken';

/**
 * Finds the holders of a lock and takes it away from them. Repeats that until one of them had it, or no holder is found.
 * @param takeAway returns whether that holder held the lock
 */
export async function breakHolders(
  find: () => Promise<readonly Holder[]>,
  takeAway: (holder: Holder) => Promise<boolean>,
): Promise<BreakOutcome> {
  for (let look = 1; look <= MOST_LOOKS; look += 1) {
    const holders = await find();
    if (holders.length === 0) return look > 1 ? 'left' : 'free';
    const taken = await Promise.all(holders.map(takeAway));
    if (taken.includes(true)) return 'broken';
  }
  // No holder keeps it for longer than a look takes.
  return 'broken';
}

/**
 * Takes the lock away from its holder, whichever process it is in.
 * @param prefix of the coordinator, which the lock has in the back end
 * @param held by this process
 * @returns whether it was held
 */
export async function breakLock(
  locks: LockStore,
  prefix: string,
  name: string,
  held: readonly LeaseHolding[],
): Promise<boolean> {
  // Looked up before: by the time of the reply another grant of this process may have the lock.
  const ours = held.filter(({ lease }) => lease.name === name);
  const outcome = await breakHolders(
    () => locks.holders(prefix + name),
    (holder) => locks.revoke(holder),
  );
  if (outcome !== 'broken') return false;
  for (const holding of ours) holding.takeAway(BROKEN);
  return true;
}

/**
 * Ends a lease of this process before the back end reports its end.
 * @param id of its grant
 * @returns whether it was held
 */
export function takeAway(held: readonly LeaseHolding[], id: string, loss: Loss): boolean {
  const ours = held.filter(({ lease }) => lease.held && lease.isKnownBy(id));
  for (const holding of ours) holding.takeAway(loss);
  return ours.length > 0;
}
