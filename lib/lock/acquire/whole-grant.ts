import { type Clock, momentOf } from '../../common/clock.js';
import type { Claim, Granted, LockStore, RenewOutcome, Taken } from '../../drivers/driver.js';

/** Another holder may have the lock by now, or it is free. */
const GONE: Taken = { granted: false, retryAfter: 0 };

/**
 * The reply of a try whose lease begins only when the back end keeps the lock for as long as the claim says. A back end may grant a waiter
 * a part of that at first, to be renewed. If the holder died before the renewal, `minHold` or `lockDelay` would be lost.
 */
export async function wholly(
  attempt: Promise<Granted | Taken>,
  { ttl }: Claim,
  locks: LockStore,
  clock: Clock,
): Promise<Granted | Taken> {
  const reply = await attempt;
  if (!reply.granted || !reply.grant.term || reply.grant.term.ms >= ttl) return reply;
  const { grant } = reply;
  const since = momentOf(clock);
  let outcome: RenewOutcome | undefined;
  try {
    [outcome] = await locks.renew([grant], ttl);
  } catch (error) {
    await giveBack(grant, locks);
    throw error;
  }
  if (outcome?.kind === 'renewed') return { granted: true, grant: { ...grant, term: { since, ms: ttl } } };
  await giveBack(grant, locks);
  if (outcome?.kind === 'failed') throw outcome.error;
  return GONE;
}

/** Best effort: in the back end the grant ends by its ttl. */
async function giveBack(grant: Granted['grant'], locks: LockStore): Promise<void> {
  try {
    await locks.release(grant);
  } catch {
    // As above.
    return;
  }
}
