import { LockAcquireFailedError } from '../../errors.js';
import type { HeldLease } from './held-lease.js';
import type { Lease } from './lease.js';
import { holderInThisContext, runUnder } from './lease-context.js';
import { quoted } from '../../common/quoted.js';

/** The shortest time after which a client is told to try again, ms. */
const SHORTEST_RETRY_AFTER = 1000;

/**
 * Runs `body` under a lease that was just taken, and gives the lease back when the body has settled.
 *
 * @param onLost 'warn': the result is kept when the lease was lost, which was logged when it happened
 * @param check looks at the result while the lease is held; may throw
 * @throws what the body throws, whatever happens to the lease; otherwise LeaseLostError when it was lost meanwhile, or
 * before the body, which is then not run
 */
export async function runAndFinish<T>(
  lease: HeldLease,
  label: string,
  body: (lease: Lease) => T,
  onLost: 'throw' | 'warn' = 'throw',
  check?: (result: Awaited<T>) => void,
): Promise<Awaited<T>> {
  let result: Awaited<T>;
  try {
    // The event loop may have been blocked since it was taken.
    if (lease.lost) throw lease.lost;
    result = await runUnder(lease, label, () => begun(body(lease)));
    check?.(result);
  } catch (error) {
    await lease.finish();
    throw error;
  }
  await lease.finish();
  if (lease.lost && onLost === 'throw') throw lease.lost;
  return result;
}

/**
 * A query of Mongoose, Prisma or Knex runs when its `then` is called. `await` would call it in the context of the code that
 * awaits, so this function calls it first, under the lease.
 */
export function begun<T>(result: T): T | Promise<Awaited<T>> {
  if (result instanceof Promise || !isThenable(result)) return result;
  return new Promise<Awaited<T>>((resolve, reject) => {
    result.then(resolve as (value: unknown) => void, reject);
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return 'then' in value && typeof value.then === 'function';
}

/**
 * The error of a call that needs the lock and did not get it.
 * @param manager of the member that asked for it
 * @param refusal how long the present lease lasts, and of several locks the one that was taken
 */
export function notAcquired(
  manager: { readonly memberId: string },
  name: string,
  waited: boolean | number,
  { remaining, taken }: { readonly remaining?: number; readonly taken?: string | undefined },
): LockAcquireFailedError {
  const how = typeof waited === 'number' && waited > 0 ? `within ${waited} ms` : 'at once';
  const holder = holderInThisContext(manager, taken ?? name);
  const why =
    holder === undefined
      ? 'another holder has it; try again later or raise "blocking"'
      : `${holder}, which called it, holds it already; take it once, in the outermost of them, or let this call in with "reentrant: true"`;
  return new LockAcquireFailedError(
    `Lock ${quoted(name)}: member ${manager.memberId} did not get ${taken === undefined ? 'it' : quoted(taken)} ${how}, ${why}`,
    { retryAfter: Math.max(SHORTEST_RETRY_AFTER, remaining ?? 0) },
  );
}
