import { NotLockedError } from '../../errors.js';
import { quoted } from '../../common/quoted.js';
import type { HeldLease } from './held-lease.js';
import { currentLeases } from './lease-context.js';
import type { Lease } from './lease.js';

/**
 * Throws where the running code is under no lock. It guards code that must never run without one, as a decorator is soon forgotten.
 *
 * @param name of the lock, without the coordinator's prefix; default: any lock
 * @returns the lease, which is held; without a name, the innermost of several
 * @throws NotLockedError when `using` or `@Synchronized` has not taken that lock for this async context, or its lease was lost or given back
 * @example
 * private async write(share: Share): Promise<void> {
 *   assertLocked(`share-${share.id}`);
 *   await this.storage.write(share);
 * }
 *
 * @publicApi
 */
export function assertLocked(name?: string): Lease {
  const leases = currentLeases();
  const lease = name === undefined ? leases[0] : leases.find((each) => each.isOn(name));
  if (lease?.held) return lease;
  throw notLocked(name, lease, leases);
}

function notLocked(
  name: string | undefined,
  lease: HeldLease | undefined,
  leases: readonly HeldLease[],
): NotLockedError {
  const which = name === undefined ? 'a lock' : `the lock ${quoted(name)}`;
  if (lease?.lost)
    return new NotLockedError(
      `assertLocked: ${which} was lost by the code that runs: ${lease.lost.message}`,
      {
        cause: lease.lost,
      },
    );
  const others = leases.map((each) => quoted(each.name)).join(', ');
  const under = others ? `it is under ${others} alone` : 'it is under none, or has outlived it';
  return new NotLockedError(
    `assertLocked: the code that runs must be under ${which}, and ${under}; call it from a method under @Synchronized or the body of using, and await it there`,
  );
}
