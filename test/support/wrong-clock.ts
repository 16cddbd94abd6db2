import { systemClock, type Clock } from '../../lib/common/clock.js';

/** The clock of a machine whose wall clock is wrong by so many ms. */
export function clockOffBy(ms: number): Clock {
  return { ...systemClock, wall: () => Date.now() + ms };
}
