import type { GuardedTransaction } from '../guard/index.js';
import { assertLocked } from './assert-locked.js';

/**
 * As `assertLocked`, and checks the lease inside a transaction, on PostgreSQL: see {@link Lease.assertIn}.
 *
 * @throws NotLockedError when the running code is under no lock, or its lease was lost
 * @throws LeaseLostError when the database says that it was lost; let it through, as the transaction has to be rolled back
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
  await assertLocked().assertIn(transaction);
}
