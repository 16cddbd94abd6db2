import { AsyncLocalStorage } from 'node:async_hooks';
import type { HeldLease, Lease } from './lease.js';

/** A lease that the running code is under, and the one outside it. */
interface LeaseContext {
  readonly lease: HeldLease;
  /** The function that runs under the lease, for messages. */
  readonly label: string;
  readonly outer?: LeaseContext;
}

const storage = new AsyncLocalStorage<LeaseContext>();

/** Runs `body` so that it and what it calls see `lease` as the current one. */
export function runUnder<T>(lease: HeldLease, label: string, body: () => T): T {
  return storage.run({ lease, label, outer: storage.getStore() }, body);
}

/**
 * The innermost lease under which this async context runs, set by `using` and `@Synchronized`.
 *
 * A lease that was lost is still given while its body runs, so that `assertHeld()` throws and `signal` is aborted.
 *
 * @returns the lease; undefined outside of one, and once it was given back
 * @example
 * \@Synchronized('<share.id>')
 * async extend(share: Share) {
 *   currentLease()?.assertHeld();
 *   await this.storage.write(share, { signal: currentLease()?.signal });
 * }
 *
 * @publicApi
 */
export function currentLease(): Lease | undefined {
  const lease = storage.getStore()?.lease;
  return lease?.givenBack === false ? lease : undefined;
}

/** The function of this async context that already holds the lock, if there is one. */
export function holderInThisContext(keeper: unknown, name: string): string | undefined {
  for (let context = storage.getStore(); context; context = context.outer) {
    if (context.lease.name === name && context.lease.isKeptBy(keeper) && context.lease.held)
      return context.label;
  }
  return undefined;
}
