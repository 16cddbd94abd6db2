/** The middle of some numbers and the middle of each half. */
export interface Summary {
  readonly median: number;
  readonly q1: number;
  readonly q3: number;
}

/** The value below which the given share of the numbers lies, between two of them by proportion. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] ?? NaN;
  const above = sorted[Math.ceil(position)] ?? NaN;
  return below + (above - below) * (position % 1);
}

export function summarize(numbers: readonly number[]): Summary {
  return { median: quantile(numbers, 0.5), q1: quantile(numbers, 0.25), q3: quantile(numbers, 0.75) };
}
