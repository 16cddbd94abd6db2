import { Backoff } from '../common/backoff.js';
import { sleep } from '../common/retry.js';
import { BackendUnavailableError, LeaseLostError } from '../errors.js';
import type { ElectionSession } from './election-session.js';

/** The pauses after a failed campaign or a lost term, ms. */
const PAUSES = { first: 100, longest: 1000 };

/** Waiters without an order look once a second. A replica that has resigned pauses longer, ms, so that each of them looks first. */
const LET_OTHERS_LOOK = 1100;

export interface StandingContext {
  readonly random: () => number;
  /** Called for an error that is no outage, once until a campaign succeeds. */
  readonly onFailure: (error: unknown) => void;
}

/** Campaigns again after each term, until the coordinator stops. Never rejects. */
export async function standForElection(
  session: ElectionSession,
  name: string,
  { random, onFailure }: StandingContext,
): Promise<void> {
  const { manager, stopping } = session;
  const { clock, settings, keepsOrder } = manager;
  const backoff = new Backoff({ ...PAUSES, random });
  let told = false;
  while (!stopping.aborted) {
    try {
      const leadership = await session.campaign(name, stopping);
      told = false;
      const begin = clock.monotonic();
      const end = await leadership.ended;
      if (clock.monotonic() - begin >= settings.ttl) backoff.reset();
      if (end === 'lost') await sleep(clock, backoff.next(), stopping);
      else if (!keepsOrder) await sleep(clock, LET_OTHERS_LOOK, stopping);
    } catch (error) {
      if (stopping.aborted) return;
      // An outage is in the log already, and so is a term that ended before it began.
      const known = error instanceof BackendUnavailableError || error instanceof LeaseLostError;
      if (!known && !told) onFailure(error);
      told ||= !known;
      await sleep(clock, backoff.next(), stopping);
    }
  }
}
