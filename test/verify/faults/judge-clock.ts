/**
 * The time of the history, ms with fractions: the kernel's CLOCK_MONOTONIC, which all processes of a machine share. The
 * shim moves CLOCK_REALTIME alone, and nothing can step this one.
 */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
