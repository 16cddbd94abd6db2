/** Tokens must stay below 2^53, and a wall clock can be set to any time: clock values beyond this one (in 2112) are cut to it. */
const LAST_CLOCK = 2 ** 52;

/**
 * The fencing token after `last`. It follows the wall clock in µs, so that a counter that was lost continues above its last value.
 * It is `last + 1` where the clock is behind, so that no clock can make a counter go back.
 *
 * @param last the largest token so far; 0 when none is known
 * @param wall Unix time, ms
 */
export function nextFencingToken(last: number, wall: number): number {
  return Math.max(last + 1, Math.min(Math.floor(wall * 1000), LAST_CLOCK));
}
