import { Lock } from '../../lib/lock/lock.js';
import type { LeaserSettings } from '../../lib/lock/leaser.js';
import { LeaserBench } from './leaser-bench.js';

/** Two handles on the lock `lock`, and what is behind them. */
export function lockBench(settings: Partial<LeaserSettings> = {}) {
  const made = new LeaserBench(settings);
  const { clock, driver, events, warnings, debug } = made;
  return {
    made,
    clock,
    driver,
    events,
    warnings,
    debug,
    lock: new Lock('lock', {}, made),
    other: new Lock('lock', {}, made),
  };
}
