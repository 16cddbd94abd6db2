import { Cancellation } from '../../common/cancellation.js';
import { type HeldLease, runUnder } from '../../lock/lease/index.js';
import type { SynchronizedDefinition } from '../definition/index.js';
import { readerLeft, type Take } from './locked-observable.js';

/** Calls an async generator of the application. */
type Source = () => AsyncIterable<unknown>;

/**
 * An async generator that takes a lock when its first value is asked for, and holds it until it has returned, thrown or
 * been returned from. `return()` before its turn gives up its place in the queue.
 *
 * @param onLost called when the lease was lost, before the error is thrown
 */
export function lockedIterable(
  definition: SynchronizedDefinition,
  take: Take,
  source: Source,
  onLost: () => void = () => undefined,
): AsyncGenerator<unknown, unknown, unknown> {
  const left = new Cancellation(() => readerLeft(definition.label));
  const throwIfLost = ({ lost }: HeldLease): void => {
    if (!lost || definition.options.onLost === 'warn') return;
    onLost();
    throw lost;
  };
  const generator = generate(definition.label, () => take(left), source, left, throwIfLost);
  const stop = generator.return.bind(generator);
  generator.return = (value) => {
    left.cancel();
    return stop(value);
  };
  return generator;
}

async function* generate(
  label: string,
  take: () => Promise<HeldLease | undefined>,
  source: Source,
  left: Cancellation,
  throwIfLost: (lease: HeldLease) => void,
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
  const under = <T>(step: () => T): T => runUnder(held, label, step);
  let result: unknown;
  try {
    if (left.aborted) return undefined;
    // The event loop may have been blocked since it was taken.
    if (held.lost) throw held.lost;
    result = yield* guarded(
      () => throwIfLost(held),
      under(() => source()[Symbol.asyncIterator]()),
      under,
    );
  } finally {
    await held.finish();
  }
  // The back end may say only now that the lease was gone.
  throwIfLost(held);
  return result;
}

/** Runs every step of the iterator under the lease, and throws once the lease is lost. */
async function* guarded(
  throwIfLost: () => void,
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
      throwIfLost();
      if (step.done) return step.value;
      sent = yield step.value;
    }
  } finally {
    if (!ended) await under(async () => iterator.return?.());
  }
}
