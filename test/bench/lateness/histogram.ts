import { quantile } from '../statistics.js';

/**
 * The upper ends of the bins, ms. A deadline counts on the wall clock too, which is precise to 1 ms: by the monotonic
 * clock, a few come that much early.
 */
const ENDS = [0, 0.5, 1, 2, 5, 10, 20, 50, 100, Infinity];
const WIDTH = 50;

export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export function binsOf(numbers: readonly number[]): Bin[] {
  return ENDS.map((to, index) => {
    const from = ENDS[index - 1] ?? -Infinity;
    return { from, to, count: numbers.filter((number) => number >= from && number < to).length };
  });
}

/** In one line. */
export function renderSummary(numbers: readonly number[]): string {
  const [median, most, all] = [0.5, 0.99, 1].map((share) => quantile(numbers, share).toFixed(2));
  return `median ${median} ms, 99 % within ${most} ms, latest ${all} ms`;
}

/** As text for a terminal. */
export function renderHistogram(numbers: readonly number[]): string {
  const bins = binsOf(numbers);
  const largest = Math.max(...bins.map(({ count }) => count));
  const lines = bins.map(({ from, to, count }) => {
    const share = ((100 * count) / numbers.length).toFixed(1);
    const bar = '█'.repeat(Math.ceil((count / largest) * WIDTH));
    return `  ${rangeOf(from, to).padStart(12)}  ${String(count).padStart(6)}  ${share.padStart(5)} %  ${bar}`.trimEnd();
  });
  return `${lines.join('\n')}\n`;
}

function rangeOf(from: number, to: number): string {
  if (from === -Infinity) return 'early';
  return to === Infinity ? `from ${from} ms` : `${from}–${to} ms`;
}
