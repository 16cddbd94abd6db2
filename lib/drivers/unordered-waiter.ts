import type { AcquireReply, QueuedWaiter } from './driver.js';

export interface Watch {
  /** Settles when wake-ups can no longer be missed, or when it is clear that none will come. Never rejects. */
  readonly ready: Promise<void>;
  close(): void;
}

/** A place without an order: who waits is told when the lock is freed, and tries. */
export class UnorderedWaiter implements QueuedWaiter {
  #watch?: Watch;

  constructor(
    readonly tryAcquire: () => Promise<AcquireReply>,
    private readonly watch: () => Watch,
  ) {}

  ready(): Promise<void> | undefined {
    if (this.#watch) return undefined;
    this.#watch = this.watch();
    return this.#watch.ready;
  }

  leave(): undefined {
    this.#watch?.close();
  }
}
