import type { HeldLease } from '../lock/lease.js';
import { runUnder } from '../lock/lease-context.js';
import type { SynchronizedDefinition } from './definition.js';
import type { Take } from './locked-observable.js';

/** What an async generator of an application looks like from here. */
type Source = () => AsyncIterable<unknown>;

/**
 * An async generator that takes a lock when its first value is asked for, and holds it until it has returned, thrown or
 * been returned from. `return()` before its turn gives up its place in the queue.
 */
export function lockedIterable(
  definition: SynchronizedDefinition,
  take: Take,
  source: Source,
): AsyncGenerator<unknown, unknown, unknown> {
  const left = new AbortController();
  const generator = generate(definition, () => take(left.signal), source, left.signal);
  const stop = generator.return.bind(generator);
  generator.return = (value) => {
    left.abort();
    return stop(value);
  };
  return generator;
}

async function* generate(
  definition: SynchronizedDefinition,
  take: () => Promise<HeldLease | undefined>,
  source: Source,
  left: AbortSignal,
): AsyncGenerator<unknown, unknown, unknown> {
  let lease: HeldLease | undefined;
  try {
    lease = await take();
  } catch (error) {
    if (left.aborted) return undefined;
    throw error;
  }
  if (!lease) return undefined;
  const held = lease;
  const under = <T>(step: () => T): T => runUnder(held, definition.label, step);
  let result: unknown;
  try {
    if (left.aborted) return undefined;
    // The event loop may have been blocked since it was taken.
    if (held.lost) throw held.lost;
    result = yield* guarded(
      held,
      definition,
      under(() => source()[Symbol.asyncIterator]()),
      under,
    );
  } finally {
    await held.finish();
  }
  // The back end may say only now that the lease was gone.
  if (held.lost && definition.options.onLost !== 'warn') throw held.lost;
  return result;
}

/** Runs every step of the iterator under the lease, and throws once the lease is lost. */
async function* guarded(
  lease: HeldLease,
  definition: SynchronizedDefinition,
  iterator: AsyncIterator<unknown, unknown, unknown>,
  under: <T>(step: () => T) => T,
): AsyncGenerator<unknown, unknown, unknown> {
  let ended = false;
  let sent: unknown;
  try {
    for (;;) {
      const step = await under(async () => iterator.next(sent)).catch((error: unknown) => {
        ended = true;
        throw error;
      });
      ended = step.done === true;
      if (lease.lost && definition.options.onLost !== 'warn') throw lease.lost;
      if (step.done) return step.value;
      sent = yield step.value;
    }
  } finally {
    if (!ended) await under(async () => iterator.return?.());
  }
}
