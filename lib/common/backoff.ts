export interface BackoffSettings {
  /** The first pause, ms; doubles. */
  readonly first: number;
  /** No pause is longer, ms. */
  readonly longest: number;
  /** A number in [0, 1). Each pause is then between half and all of its length, so that waiters do not retry together. */
  readonly random?: () => number;
}

/** How long to wait before the next try. */
export class Backoff {
  #pause: number;

  constructor(private readonly settings: BackoffSettings) {
    this.#pause = settings.first;
  }

  /** ms */
  next(): number {
    const { longest, random } = this.settings;
    const pause = this.#pause;
    this.#pause = Math.min(2 * pause, longest);
    return random ? (pause * (1 + random())) / 2 : pause;
  }

  /** A try has succeeded. */
  reset(): void {
    this.#pause = this.settings.first;
  }
}
