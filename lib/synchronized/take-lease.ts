import { HeldLease } from '../lock/lease/lease.js';
import { lockManagerOf, type LockProvider } from '../lock/lock-registry.js';
import { notAcquired } from '../lock/lease/run-under-lease.js';
import type { SynchronizedDefinition } from './definition.js';
import type { SynchronizedOptions } from './synchronized.options.js';
import { quoted } from '../common/quoted.js';

/**
 * Takes the lock of one call.
 *
 * @returns the lease; undefined when it was not to be had and the method is to be skipped then
 * @throws LockAcquireFailedError, BackendUnavailableError, LockCreationFailedError, or the reason of the signal
 */
export async function takeLease(
  definition: SynchronizedDefinition,
  provider: LockProvider,
  name: string,
  signal?: AbortSignal,
): Promise<HeldLease | undefined> {
  const { label, options } = definition;
  const manager = lockManagerOf(provider, `${label}: lock ${quoted(name)}`);
  const blocking = options.blocking ?? patienceOf(options, manager.settings.blocking);
  const ttl = options.ttl ?? manager.settings.ttl;
  const fencing = options.fencing ?? manager.settings.fencing;
  const waitLimit = manager.waitLimit(blocking, signal);
  const acquisition = await manager.acquire({
    name,
    ttl,
    fencing,
    fair: options.fair ?? false,
    label,
    waitLimit,
  });
  if (acquisition instanceof HeldLease) return acquisition;
  if (options.onNotAcquired === 'skip') return undefined;
  throw notAcquired(manager, name, blocking, acquisition.remaining);
}

/** Who skips what another replica does would never skip if it waited for ever. */
function patienceOf({ onNotAcquired }: SynchronizedOptions, usual: boolean | number): boolean | number {
  return onNotAcquired === 'skip' && usual === true ? false : usual;
}
