import type { Clock } from '../common/clock.js';

/** The work of a leader; its end can be awaited. */
export class Work {
  #running = 0;
  #listeners: (() => void)[] = [];

  async run<T>(body: () => T): Promise<Awaited<T>> {
    this.#running += 1;
    try {
      return await body();
    } finally {
      this.#running -= 1;
      if (this.#running === 0) for (const listener of this.#listeners.splice(0)) listener();
    }
  }

  /** Calls `listener` once as soon as nothing runs; now, if nothing does. */
  whenIdle(listener: () => void): void {
    if (this.#running === 0) listener();
    else this.#listeners.push(listener);
  }

  /** Resolves to false when something still runs after `ms` ms. */
  endsWithin(ms: number, clock: Clock): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#running === 0) return resolve(true);
      const timer = clock.setTimer(ms, () => resolve(false));
      this.whenIdle(() => {
        timer.cancel();
        resolve(true);
      });
    });
  }
}
