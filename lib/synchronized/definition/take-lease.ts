import type { Cancellation } from '../../common/cancellation.js';
import { HeldLease, notAcquired } from '../../lock/lease/index.js';
import { lockManagerOf, type LockProvider, lockTerms } from '../../lock/index.js';
import type { SynchronizedDefinition } from './definition.js';
import { quoted } from '../../common/quoted.js';

/**
 * Takes the lock of one call. Not `async`: this is on the way of every call, and each promise on it costs.
 *
 * @param settled told first of the lease, or that there is none
 * @returns the lease; undefined when it was not to be had and the method is to be skipped then
 * @throws LockAcquireFailedError, BackendUnavailableError, LockCreationFailedError, or the reason of the cancellation
 */
export function takeLease(
  definition: SynchronizedDefinition,
  provider: LockProvider,
  name: string,
  cancellation?: Cancellation,
  settled?: (lease: HeldLease | undefined) => void,
): Promise<HeldLease | undefined> {
  const { label, options } = definition;
  try {
    const manager = lockManagerOf(provider, () => `${label}: lock ${quoted(name)}`);
    const terms = lockTerms(manager.settings, options);
    const { ttl, fencing, fair, bounds } = terms;
    // A method that skips what another replica does would never skip if it waited for ever.
    const never =
      options.onNotAcquired === 'skip' && options.blocking === undefined && terms.blocking === true;
    const blocking = never ? false : terms.blocking;
    const waitLimit = manager.waitLimit(blocking, cancellation);
    return manager.acquire({ name, ttl, fencing, fair, bounds, label, waitLimit }).then(
      (result) => {
        const lease = result instanceof HeldLease ? result : undefined;
        settled?.(lease);
        if (result instanceof HeldLease || options.onNotAcquired === 'skip') return lease;
        throw notAcquired(manager, name, blocking, result.remaining);
      },
      (error: unknown) => {
        settled?.(undefined);
        throw error;
      },
    );
  } catch (error) {
    settled?.(undefined);
    return Promise.reject(error);
  }
}
