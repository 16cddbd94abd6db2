/** What the heap may grow by, whatever the number of cycles: compiled code and caches settle late, bytes. */
const SETTLING = 4_000_000;
/** One number kept per cycle would be 8. */
const PER_CYCLE = 1;

export interface HeapSample {
  readonly cycles: number;
  readonly bytes: number;
}

/** By how many bytes the heap grew per cycle, by the straight line that fits the samples best. */
export function slopeOf(samples: readonly HeapSample[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const cycles = mean(samples.map((sample) => sample.cycles));
  const bytes = mean(samples.map((sample) => sample.bytes));
  const spread = samples.reduce((sum, sample) => sum + (sample.cycles - cycles) ** 2, 0);
  if (spread === 0) return 0;
  const together = samples.reduce(
    (sum, sample) => sum + (sample.cycles - cycles) * (sample.bytes - bytes),
    0,
  );
  return together / spread;
}

export function heapGrew(samples: readonly HeapSample[]): boolean {
  const first = samples[0]?.cycles ?? 0;
  const cycles = (samples.at(-1)?.cycles ?? 0) - first;
  return slopeOf(samples) * cycles > SETTLING + PER_CYCLE * cycles;
}
