/** The time on CLOCK_MONOTONIC, which is one for all processes of a machine, ms. */
export function monotonicNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
