import type { Clock } from '../../common/clock.js';
import type { Schedule } from '../../common/schedule.js';
import type { Batch } from './renewal-batches.js';

/** Nothing is appointed sooner than this, ms. */
export const SHORTEST_DELAY_MS = 1;

/**
 * Ends the leases of a batch at their deadlines while it is being renewed: one check at a time, until no lease is left in it.
 * @param notBefore on the monotonic clock, ms
 */
export function watchDeadlines(batch: Batch, clock: Clock, schedule: Schedule, notBefore = 0): void {
  let first = Infinity;
  for (const { lease } of batch.renewals) first = Math.min(first, lease.monotonicDeadline);
  const look = schedule.at(Math.max(first, notBefore), () => {
    const now = clock.monotonic();
    for (const { lease } of batch.renewals) if (lease.monotonicDeadline <= now) lease.check();
    if (batch.size > 0) watchDeadlines(batch, clock, schedule, now + SHORTEST_DELAY_MS);
  });
  batch.lookNext(look);
}
