import { Bag, type Slot } from '../../common/bag.js';
import type { Clock, Timer } from '../../common/clock.js';

/**
 * The end of waiting at shutdown: once it has begun, calls that wait, and calls that come to wait, have until it is over.
 */
export class Drain {
  #over = false;
  #timer?: Timer;
  readonly #listeners = new Bag<() => void>();

  constructor(private readonly clock: Clock) {}

  /** True from the beginning on: no work need be begun for which no call waits. */
  get begun(): boolean {
    return this.#over || this.#timer !== undefined;
  }

  /** True when no call may wait any more. */
  get over(): boolean {
    return this.#over;
  }

  /** Gives the waiters `ms` milliseconds; a second call changes nothing. */
  begin(ms: number): void {
    if (this.#over || this.#timer) return;
    this.#timer = this.clock.setTimer(ms, () => this.finish());
  }

  /** Ends the waiting now. */
  finish(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#over) return;
    this.#over = true;
    for (const listener of this.#listeners.items()) listener();
  }

  /** Calls `listener` when waiting is over, unless it is forgotten before. */
  onOver(listener: () => void): Slot<() => void> {
    return this.#listeners.add(listener);
  }

  forget(listener: Slot<() => void>): void {
    this.#listeners.remove(listener);
  }
}
