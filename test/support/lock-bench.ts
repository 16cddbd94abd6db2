import { Lock } from '../../lib/lock/lock.js';
import type { LockManagerSettings } from '../../lib/lock/lock-manager.js';
import { LockManagerBench } from './lock-manager-bench.js';

/** Two handles on the lock `lock`, and what is behind them. */
export function lockBench(settings: Partial<LockManagerSettings> = {}) {
  const made = new LockManagerBench(settings);
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
