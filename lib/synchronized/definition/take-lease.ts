import type { Cancellation } from '../../common/cancellation.js';
import { HeldLease, notAcquired } from '../../lock/lease/index.js';
import { type AcquireResult, lockManagerOf, type LockProvider, lockTerms, take } from '../../lock/index.js';
import { joinedName, type LockNames } from '../../lock/name/index.js';
import { RequestHold } from '../request/index.js';
import { limitReached, takePermit } from '../../semaphores/index.js';
import type { SynchronizedDefinition } from './definition.js';
import { quoted } from '../../common/quoted.js';

/**
 * Takes the lock of one call. Not `async`: every call passes here, and each promise costs.
 *
 * @param settled called first of all, with the lease, or with undefined when there is none
 * @returns the lease; undefined when another holder had the lock, for a method that is skipped then
 * @throws LockAcquireFailedError, BackendUnavailableError, LockCreationFailedError, or the reason of the cancellation
 */
export function takeLease(
  definition: SynchronizedDefinition,
  provider: LockProvider,
  names: LockNames,
  cancellation?: Cancellation,
  settled?: (lease: HeldLease | undefined) => void,
): Promise<HeldLease | undefined> {
  const { label, options, origin, permits } = definition;
  try {
    const name = joinedName(names);
    const manager = lockManagerOf(provider, () => `${label}: lock ${quoted(name)}`);
    const terms = lockTerms(manager.settings, options);
    const { ttl, fencing, fair, shared, reentrant, bounds } = terms;
    const several = typeof names === 'string' ? undefined : names;
    // A method with 'skip' would never be skipped if it waited for ever.
    const never =
      options.onNotAcquired === 'skip' && options.blocking === undefined && terms.blocking === true;
    const blocking = never ? false : terms.blocking;
    const waitLimit = manager.waitLimit(blocking, cancellation);
    const permit =
      permits === undefined
        ? undefined
        : { name, permits, ttl, fair, blocking, signal: cancellation, label, origin };
    const asked = {
      name,
      names: several,
      ttl,
      fencing,
      fair,
      shared,
      reentrant,
      bounds,
      label,
      origin,
      waitLimit,
    };
    const hold = options.until === undefined ? undefined : RequestHold.current();
    const lock = (): Promise<AcquireResult> =>
      hold ? hold.enter(manager, asked, options.onLost !== 'warn') : take(manager, asked);
    const taking = permit ? takePermit(manager, permit) : lock();
    return taking.then(
      (result) => {
        const lease = result instanceof HeldLease ? result : undefined;
        settled?.(lease);
        if (result instanceof HeldLease || options.onNotAcquired === 'skip') return lease;
        if (permit) throw limitReached(manager, permit, result);
        throw notAcquired(manager, name, blocking, result);
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
