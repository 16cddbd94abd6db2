import assert from 'node:assert/strict';
import type { Driver, Grant, LockMode, QueuedWaiter } from '../drivers/driver.js';
import { enqueue, request } from './driver-calls.js';
import { eventually } from './eventually.js';

/** A waiter in the queue of a lock: it tries when it is woken, or after a second. */
export class SuiteWaiter {
  readonly #place: QueuedWaiter;
  #wake: () => void = () => undefined;
  #woken = false;
  #granted: Grant | undefined;

  constructor(
    readonly driver: Driver,
    lock: string,
    mode: LockMode = 'exclusive',
  ) {
    this.#place = enqueue(driver, { ...request(lock), mode }, () => {
      this.#woken = true;
      this.#wake();
    });
  }

  get granted(): boolean {
    return this.#granted !== undefined;
  }

  /** Whether it has been woken since its last try. */
  get woken(): boolean {
    return this.#woken;
  }

  /** Tries to take the lock, which must be taken; from then on it waits. */
  async enqueue(): Promise<void> {
    assert.equal((await this.#place.tryAcquire()).granted, false);
    const ready = this.#place.ready();
    if (!ready) return;
    await ready;
    assert.equal((await this.#place.tryAcquire()).granted, false);
  }

  /** Waits for its turn, and returns the grant. */
  async turn(): Promise<Grant> {
    return eventually(async () => {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.#woken ? 0 : 1000);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#woken = false;
      const reply = await this.#place.tryAcquire();
      if (!reply.granted) return undefined;
      this.#granted = reply.grant;
      await this.#place.leave();
      return reply.grant;
    });
  }

  async leave(): Promise<void> {
    await this.#place.leave();
  }
}
