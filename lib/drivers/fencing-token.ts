/** Tokens must stay below 2^53, and a wall clock can be set to anything: beyond this, in 2112, it counts no more. */
const LAST_CLOCK = 2 ** 52;

/**
 * The fencing token after `last`: by the wall clock in µs, so that a counter that was lost goes on above where it was;
 * one more where the clock has not passed it, so that no clock can make a counter go back.
 *
 * @param last the largest token so far; 0 when none is known
 * @param wall Unix time, ms
 */
export function nextFencingToken(last: number, wall: number): number {
  return Math.max(last + 1, Math.min(Math.floor(wall * 1000), LAST_CLOCK));
}
