/** Unix time at which the judge's clock begins, ms. */
const EPOCH = Date.UTC(2026, 0, 1);

/** The clocks of one machine, as functions of the judge's time. */
export class LocalTime {
  readonly #steps: { readonly at: number; readonly by: number }[] = [];
  #monotonicLag = 0;

  /**
   * @param rate local ms per ms
   * @param offset how far its wall clock is ahead at the beginning, ms
   */
  constructor(
    readonly rate: number,
    readonly offset: number,
  ) {}

  /** Somebody will set the wall clock. */
  step(at: number, by: number): void {
    this.#steps.push({ at, by });
  }

  /** The machine sleeps: no time passes on its monotonic clock, nor on its wall clock if `both` stop. */
  sleep(at: number, ms: number, both: boolean): void {
    this.#monotonicLag += this.rate * ms;
    if (both) this.step(at, -this.rate * ms);
  }

  monotonic(now: number): number {
    return 1000 + this.rate * now - this.#monotonicLag;
  }

  wall(now: number): number {
    let wall = EPOCH + this.offset + this.rate * now;
    for (const { at, by } of this.#steps) if (at <= now) wall += by;
    return wall;
  }

  /** Whether the wall clock is ever set back, or stood still. */
  get stepsBack(): boolean {
    return this.#steps.some(({ by }) => by < 0);
  }

  /** Whether the wall clock is ever set. */
  get stepped(): boolean {
    return this.#steps.length > 0;
  }

  /** How far the wall clock is stepped ahead within a time, in all, ms; steps back do not make up for it. */
  stepsAhead(from: number, until: number): number {
    const within = this.#steps.filter(({ at, by }) => at >= from && at <= until && by > 0);
    return within.reduce((sum, { by }) => sum + by, 0);
  }

  /** How far the wall clock is ahead of the judge's at every moment that matters until `end`, ms. */
  offsets(end: number): number[] {
    const moments = [0, ...this.#steps.flatMap(({ at }) => [at - 1e-6, at]), end];
    return moments.filter((at) => at <= end).map((at) => this.wall(at) - EPOCH - at);
  }
}
