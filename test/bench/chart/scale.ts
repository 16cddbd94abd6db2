/** From a figure to a place on the axis. */
export interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** Figures that lie further apart than this, as a ratio, get a logarithmic axis. */
const WIDE = 20;

/** Linear from zero, or logarithmic where the small figures would all look alike. */
export function scaleOf(values: readonly number[], from: number, to: number): Scale {
  const positive = values.filter((value) => value > 0);
  const highest = Math.max(...positive, Number.MIN_VALUE);
  const lowest = Math.min(...positive, highest);
  return highest / lowest > WIDE ? logarithmic(lowest, highest, from, to) : linear(highest, from, to);
}

function linear(highest: number, from: number, to: number): Scale {
  const step = niceStep(highest / 5);
  const end = step * Math.ceil(highest / step);
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);
  return { at: (value) => from + ((to - from) * value) / end, ticks };
}

function logarithmic(lowest: number, highest: number, from: number, to: number): Scale {
  const first = Math.floor(Math.log10(lowest));
  const last = Math.ceil(Math.log10(highest));
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index));
  const share = (value: number): number => (Math.log10(value) - first) / (last - first);
  // Zero has no place on such an axis, and stands at its begin.
  return { at: (value) => from + (to - from) * Math.max(0, value > 0 ? share(value) : 0), ticks };
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((each) => each * power >= rough) ?? 10;
  return factor * power;
}
