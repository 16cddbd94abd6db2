import type { Clock } from '../../lib/common/clock.js';

export { clockOffBy } from '../../lib/driver-testing/suite-context.js';

/** A clock whose time goes slower by that factor, unless it is one that people read. */
export function slowed(clock: Clock, factor: number): Clock {
  return {
    ...clock,
    monotonic: () => clock.monotonic() / factor,
    setTimer: (ms, callback, kind) => clock.setTimer(ms * factor, callback, kind),
  };
}
