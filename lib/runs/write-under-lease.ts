import { Backoff } from '../common/backoff.js';
import type { Clock } from '../common/clock.js';
import { sleep } from '../common/retry.js';
import { BackendUnavailableError } from '../errors.js';
import type { HeldLease } from '../lock/lease/index.js';

/** Between two tries, ms. A connection that was cut is there again after 25 to 50 ms. */
const PAUSES = { first: 50, longest: 1000 };

/**
 * Writes a record under a lease. A write that the back end does not confirm is repeated as long as the lease is held; a stop of the
 * coordinator ends that. The same record changes nothing the second time. A back end that renews leases but stores nothing, as a full
 * one, is given up after one ttl.
 * @throws what the last write throws
 */
export async function writeUnderLease<T>(
  lease: HeldLease,
  clock: Clock,
  write: () => Promise<T>,
): Promise<T> {
  const end = clock.monotonic() + lease.ttl;
  const backoff = new Backoff(PAUSES);
  for (;;) {
    try {
      return await write();
    } catch (error) {
      const left = end - clock.monotonic();
      if (!(error instanceof BackendUnavailableError) || left <= 0 || !lease.held) throw error;
      await sleep(clock, Math.min(backoff.next(), left), lease.signal);
      if (!lease.held) throw error;
    }
  }
}
