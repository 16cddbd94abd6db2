import type { Claim, Granted, LockStore, QueuedWaiter, Taken, Watch } from './driver.js';

/**
 * A waiter on a driver that keeps no order: it is told when the lock is freed, and tries. Above the drivers, for all that have
 * no queue; where nothing is told either, the waiter looks once a second.
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
