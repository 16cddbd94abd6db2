import type { GuardedTransaction } from '../guard/index.js';
import { assertLocked } from './assert-locked.js';
import { currentLeases } from './lease-context.js';
import type { Lease } from './lease.js';

/**
 * Does the same as `assertLocked`, and checks the lease inside a transaction, on PostgreSQL: see {@link Lease.assertIn}.
 *
 * @throws NotLockedError when the running code is under no lock
 * @throws LeaseLostError when its lease was lost, as this replica or the database says; let it through, as the transaction has to be rolled back
 * @example
 * \@Synchronized('<share.id>')
 * async extend(share: Share, size: number) {
 *   await this.dataSource.transaction(async (tx) => {
 *     await assertLockedIn(tx);
 *     await tx.update(Share, share.id, { size });
 *   });
 * }
 *
 * @publicApi
 */
export async function assertLockedIn(transaction: GuardedTransaction): Promise<void> {
  // A lost lease throws its own error: the transaction came late, and its caller may try again.
  const lease: Lease = currentLeases()[0] ?? assertLocked();
  await lease.assertIn(transaction);
}
