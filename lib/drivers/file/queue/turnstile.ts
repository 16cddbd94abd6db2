import type { Clock } from '../../../common/clock.js';

/** Lets a fixed number of callers go on in each turn of the event loop, in the order in which they come. */
export class Turnstile {
  #room: number;
  #open = false;
  readonly #waiting: (() => void)[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly most: number,
  ) {
    this.#room = most;
  }

  /** @returns undefined when the caller may go on at once */
  enter(): Promise<void> | undefined {
    if (!this.#open) this.#openNext();
    if (this.#room === 0) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#room -= 1;
    return undefined;
  }

  #openNext(): void {
    this.#open = true;
    this.clock.afterInput(() => {
      const next = this.#waiting.splice(0, this.most);
      this.#room = this.most - next.length;
      if (next.length > 0) this.#openNext();
      else this.#open = false;
      for (const goOn of next) goOn();
    });
  }
}
