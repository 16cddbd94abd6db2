import type { CoordinatorService } from '../coordinator.service.js';

/** How far back losses count, ms. */
const LATELY = 60_000;

/** At most this many losses are remembered; more are as bad. */
const MOST = 1000;

/** The leases that one coordinator has lost in the last minute. */
export class Losses {
  readonly #times: number[] = [];
  readonly #end: () => void;

  constructor(coordinator: CoordinatorService) {
    this.#end = coordinator.on('lease.lost', () => {
      if (this.#times.push(performance.now()) > MOST) this.#times.shift();
    });
  }

  get lately(): number {
    const from = performance.now() - LATELY;
    while ((this.#times[0] ?? Infinity) < from) this.#times.shift();
    return this.#times.length;
  }

  end(): void {
    this.#end();
  }
}
