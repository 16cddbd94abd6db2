import type { Claim, Granted, LockStore, QueuedWaiter, Taken, Watch } from './driver.js';

/**
 * A waiter on a driver that has no queue. It tries again when the driver reports that the lock was freed. The layer above wakes it
 * once a second as well, also where the driver has no `watch`.
 */
export class UnorderedWaiter implements QueuedWaiter {
  #watch?: Watch;

  constructor(
    private readonly locks: LockStore,
    private readonly claim: Claim,
    private readonly wake: () => void,
  ) {}

  tryAcquire(): Promise<Granted | Taken> {
    return this.locks.acquire(this.claim);
  }

  ready(): Promise<void> | undefined {
    if (this.#watch) return undefined;
    this.#watch = this.locks.watch?.(this.claim.name, this.wake);
    return this.#watch?.ready;
  }

  leave(): undefined {
    this.#watch?.[Symbol.dispose]();
  }
}
