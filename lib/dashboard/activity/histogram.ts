/** Steps for each doubling: a quantile is right to 10 %. */
const STEPS = 4;
/** Up to 2^22 ms, which is more than an hour. */
const SIZE = 22 * STEPS;

/** A histogram of durations, ms, in a fixed amount of memory. */
export class Histogram {
  readonly #counts = new Uint32Array(SIZE);
  #total = 0;

  add(ms: number): void {
    const index = Math.round(Math.log2(Math.max(0, ms) + 1) * STEPS);
    const place = Math.min(SIZE - 1, index);
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
    this.#total += 1;
  }

  get total(): number {
    return this.#total;
  }

  /** @returns undefined when nothing was counted */
  quantile(part: number): number | undefined {
    return quantileOf([this], part);
  }

  /** The quantile of several histograms together. */
  static quantile(histograms: readonly Histogram[], part: number): number | undefined {
    return quantileOf(histograms, part);
  }

  countAt(index: number): number {
    return this.#counts[index] ?? 0;
  }
}

function quantileOf(histograms: readonly Histogram[], part: number): number | undefined {
  const total = histograms.reduce((sum, { total }) => sum + total, 0);
  if (total === 0) return undefined;
  let left = Math.ceil(part * total);
  for (let index = 0; index < SIZE; index += 1) {
    left -= histograms.reduce((sum, histogram) => sum + histogram.countAt(index), 0);
    if (left <= 0) return 2 ** (index / STEPS) - 1;
  }
  return 2 ** (SIZE / STEPS);
}
