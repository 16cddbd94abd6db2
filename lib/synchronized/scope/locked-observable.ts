import { Observable, type Subscriber, Subscription } from 'rxjs';
import { Cancellation } from '../../common/cancellation.js';
import { type HeldLease, runBodyUnder } from '../../lock/lease/index.js';
import { ownContext } from '../../common/clock.js';
import { LockAcquireFailedError } from '../../errors.js';
import type { SynchronizedDefinition } from '../definition/index.js';
import { refusals } from '../filters/index.js';

export type Take = (cancellation: Cancellation) => Promise<HeldLease | undefined>;

/**
 * An Observable that takes a lock when it is subscribed to and holds it until it ends: by its end, an error, a lost
 * lease, or when its subscriber leaves. A subscriber that leaves before its turn gives up its place.
 */
export function lockedObservable(
  definition: SynchronizedDefinition,
  take: Take,
  source: () => Observable<unknown>,
): Observable<unknown> {
  return new Observable((subscriber) => {
    const left = new Cancellation(() => readerLeft(definition.label));
    let lease: HeldLease | undefined;
    const work = new Subscription();
    const run = async (): Promise<void> => {
      lease = await take(left);
      if (left.aborted) await lease?.finish();
      else if (!lease) {
        subscriber.next(undefined);
        subscriber.complete();
      } else pipeUnder(lease, definition, source, subscriber, work);
    };
    run().catch((error: unknown) => {
      // A subscriber that left gets nothing; its own leaving is no error.
      if (!left.aborted) subscriber.error(error);
    });
    return () => {
      left.cancel();
      work.unsubscribe();
      void lease?.finish();
    };
  });
}

/** The reader does not see this error, as it has left. */
export function readerLeft(label: string): LockAcquireFailedError {
  return new LockAcquireFailedError(`${label}: its reader left before it got the lock`);
}

/** Passes on the values of the source under the lease, and ends only after the lease was given back. */
function pipeUnder(
  lease: HeldLease,
  definition: SynchronizedDefinition,
  source: () => Observable<unknown>,
  subscriber: Subscriber<unknown>,
  work: Subscription,
): void {
  const guarded = endWithLease(lease, definition, source);
  work.add(
    guarded.subscribe({
      next: (value) => subscriber.next(value),
      error: (error: unknown) => void lease.finish().then(() => subscriber.error(error)),
      complete: () =>
        void lease.finish().then(() => {
          if (lease.lost && definition.options.onLost !== 'warn') subscriber.error(lease.lost);
          else subscriber.complete();
        }),
    }),
  );
}

/**
 * Runs the source under the lease. It errors as soon as the lease is lost, and does not begin under a lease that is over.
 * @param ended cancelled when no client waits for it any more
 */
export function endWithLease(
  lease: HeldLease,
  definition: SynchronizedDefinition,
  source: () => Observable<unknown>,
  ended?: Cancellation,
): Observable<unknown> {
  return new Observable((subscriber) => {
    if (ended) endWith(ended, definition, subscriber);
    const { signal } = lease;
    const onLost = (): void => subscriber.error(signal.reason);
    // The event loop may have been blocked since it was taken.
    if (signal.aborted) return onLost();
    if (definition.options.onLost !== 'warn') {
      signal.addEventListener('abort', onLost, { once: true });
      subscriber.add(() => signal.removeEventListener('abort', onLost));
    }
    subscriber.add(runBodyUnder(lease, definition.label, () => source().subscribe(subscriber)));
  });
}

/** Nest unsubscribes by itself from some Observables whose client has left; the others would never end. */
function endWith(
  ended: Cancellation,
  { label }: SynchronizedDefinition,
  subscriber: Subscriber<unknown>,
): void {
  const context = ownContext();
  const end = (): void => {
    if (subscriber.closed) return;
    const left = `${label}: its client has left, so the Observable that it returned was ended`;
    const error = new LockAcquireFailedError(left);
    refusals.overlook(error);
    context(() => subscriber.error(error));
  };
  // Nest learns of it in the same turn of the event loop, and goes first.
  const endSoon = (): void => void setImmediate(end);
  if (ended.aborted) return endSoon();
  subscriber.add(ended.onCancelOrGone(endSoon));
}
