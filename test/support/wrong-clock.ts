import type { Clock } from '../../lib/common/clock.js';

export { clockOffBy } from '../../lib/driver-testing/suite-context.js';

/** A clock whose time goes slower by that factor, but for its Unix time. */
export function slowed(clock: Clock, factor: number): Clock {
  return {
    ...clock,
    monotonic: () => clock.monotonic() / factor,
    setTimer: (ms, callback, kind) => clock.setTimer(ms * factor, callback, kind),
  };
}
