const FIRST_DELAY = 50;
const LONGEST_DELAY = 2000;

/** How long to wait before the next try to connect, ms: doubles up to two seconds, with jitter against herds. */
export class Backoff {
  readonly #random: () => number;
  #failures = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  next(): number {
    const ceiling = Math.min(FIRST_DELAY * 2 ** this.#failures, LONGEST_DELAY);
    this.#failures += 1;
    return ceiling / 2 + (this.#random() * ceiling) / 2;
  }

  reset(): void {
    this.#failures = 0;
  }
}
