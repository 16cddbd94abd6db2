import {
  type AcquireResult,
  type AcquireTerms,
  type LeaseHandle,
  type NotAcquired,
  throwIfCancelled,
} from '../acquire/index.js';
import type { LockManager } from '../lock-manager.js';
import { Collection, type WantedLock } from './collection.js';
import { enterContext } from './enter-context.js';
import { JointLease } from './joint-lease.js';

/**
 * Takes the lease of the terms: on one lock, as nearly always, on several together, or inside the lease of the call outside.
 * @param handle that shall carry the lease; no handle carries a lease that was entered
 */
export function take(
  manager: LockManager,
  terms: AcquireTerms,
  handle?: LeaseHandle,
): Promise<AcquireResult> {
  if (terms.names === undefined && !terms.reentrant) return manager.acquire(terms, handle);
  return takeSpecial(manager, terms, handle);
}

async function takeSpecial(
  manager: LockManager,
  terms: AcquireTerms,
  handle: LeaseHandle | undefined,
): Promise<AcquireResult> {
  const inner = terms.reentrant ? enterContext(manager, terms) : undefined;
  if (inner) return inner;
  if (!terms.names) return manager.acquire(terms, handle);
  throwIfCancelled(terms, manager.memberId);
  const parts = inOrder(manager, terms.names);
  if (handle && !(await entered(handle, terms))) {
    throwIfCancelled(terms, manager.memberId);
    return {};
  }
  let collected: Awaited<ReturnType<Collection['run']>> | undefined;
  try {
    collected = await new Collection(manager, parts, terms).run();
  } finally {
    if (!isAll(collected)) handle?.queue.leave();
  }
  if (!isAll(collected)) return collected;
  return new JointLease(terms.name, collected, manager, () => handle?.onGivenBack());
}

function isAll<T extends readonly unknown[]>(collected: T | NotAcquired | undefined): collected is T {
  return Array.isArray(collected);
}

/** A handle carries one lease at a time. */
async function entered({ queue }: LeaseHandle, { waitLimit }: AcquireTerms): Promise<boolean> {
  if (queue.tryEnter()) return true;
  return !waitLimit.tryOnce && (await waitLimit.wait((wake) => queue.join(wake)));
}

/** Names with one key are one lock. The order is that of the keys' bytes, which every process and every language has alike. */
function inOrder(manager: LockManager, names: readonly string[]): readonly WantedLock[] {
  const byKey = new Map<string, string[]>();
  for (const name of names) {
    const key = manager.keyOf(name);
    byKey.set(key, [...(byKey.get(key) ?? []), name]);
  }
  return [...byKey]
    .map(([key, same]) => ({ key, bytes: Buffer.from(key), names: same }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes));
}
