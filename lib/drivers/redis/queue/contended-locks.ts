import type { Clock } from '../../../common/clock.js';

/** How long a lock counts as contended after it was found taken, ms. */
const CONTENDED = 1000;
const MOST_CONTENDED = 1000;

/** The locks that were found taken a moment ago. Asking all nodes for such a lock would be in vain. */
export class ContendedLocks {
  readonly #clock: Clock;
  /** By key, the oldest first: when the lock was found taken, on the monotonic clock, ms. */
  readonly #foundTaken = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(key: string): boolean {
    const since = this.#foundTaken.get(key);
    return since !== undefined && this.#clock.monotonic() - since < CONTENDED;
  }

  add(key: string): void {
    this.#foundTaken.delete(key);
    this.#foundTaken.set(key, this.#clock.monotonic());
    if (this.#foundTaken.size <= MOST_CONTENDED) return;
    const [oldest = key] = this.#foundTaken.keys();
    this.#foundTaken.delete(oldest);
  }
}
