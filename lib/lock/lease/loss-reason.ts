import type { Loss } from '../../drivers/driver.js';
import { BackendUnavailableError } from '../../errors.js';

/** The renewals since the last one that was confirmed. */
export interface RenewalsSoFar {
  /** Why the last one failed, if one did. */
  readonly failure?: unknown;
  /** One was sent and has not been answered. */
  readonly unanswered: boolean;
}

/**
 * When a lease is checked later than this after its deadline, ms, the process did not listen at the deadline. It was
 * stopped or its event loop blocked, and an answer may lie unread.
 */
const STILL_LISTENING = 50;

/**
 * Why a lease was not renewed by its deadline, as far as its holder can know.
 *
 * @param overdue how long ago the deadline was, ms
 */
export function lossAtDeadline({ failure, unanswered }: RenewalsSoFar, overdue: number): Loss {
  if (failure === undefined && unanswered && overdue <= STILL_LISTENING) {
    return { reason: 'backend-down', message: 'its deadline passed while the back end did not answer' };
  }
  if (failure !== undefined) {
    const why = failure instanceof Error ? `: ${failure.message}` : '';
    if (failure instanceof BackendUnavailableError && failure.partial) {
      return {
        reason: 'quorum-lost',
        message: `its deadline passed while fewer nodes than a quorum confirmed a renewal${why}`,
      };
    }
    const did =
      failure instanceof BackendUnavailableError && failure.refused
        ? 'refused to renew it'
        : 'did not answer';
    return { reason: 'backend-down', message: `its deadline passed while the back end ${did}${why}` };
  }
  return {
    reason: 'expired',
    message:
      'its deadline passed before it could be renewed, as after a blocked event loop or a stopped process',
  };
}
