import { BackendUnavailableError } from '../errors.js';
import type { HeldLease } from '../lock/lease/index.js';

/** How often a record is written, where the reply is lost. */
const WRITES = 3;

/**
 * Writes a record under a lease. A write whose reply is lost is repeated as long as the lease is held: the same record changes nothing
 * the second time.
 * @throws what the last write throws
 */
export async function writeUnderLease<T>(lease: HeldLease, write: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof BackendUnavailableError) || tries === WRITES || !lease.held) throw error;
    }
  }
}
