/** The clock that applications have in their tests, too. */
export { DrivenClock as FakeClock, settled } from '../../lib/testing/driven-clock.js';
