import { setTimeout as after } from 'node:timers/promises';
import type { Locks } from '../locks/index.js';
import { monotonicNow } from '../monotonic.js';
import type { CrowdTerms, Served } from './terms.js';

/** Many waiters of this process for one lock, each of which wants it once. */
export class Crowd {
  readonly #outcomes: Promise<unknown>[];
  #served = 0;
  #failed = 0;
  #failure?: string;
  #last = 0;

  constructor(
    locks: Locks,
    private readonly terms: CrowdTerms,
  ) {
    this.#outcomes = Array.from({ length: terms.waiters }, () => this.#waitAndHold(locks));
  }

  /** Resolves when all were served, or have given up. */
  async end(): Promise<Served> {
    await Promise.all(this.#outcomes);
    return { served: this.#served, failed: this.#failed, failure: this.#failure, last: this.#last };
  }

  async #waitAndHold(locks: Locks): Promise<void> {
    const handle = locks.lock(this.terms.key);
    try {
      await handle.acquire();
    } catch (error) {
      this.#failed += 1;
      this.#failure ??= String(error);
      return;
    }
    await after(this.terms.hold);
    this.#served += 1;
    this.#last = monotonicNow();
    await handle.release();
  }
}
