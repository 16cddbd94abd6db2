import { type Clock, systemClock } from '../common/clock.js';
import type { BackendChange, DriverFactoryContext } from '../drivers/driver.js';

/** A context as a coordinator makes it, which also records what the driver reports. */
export function recordingContext(): DriverFactoryContext & { changes: BackendChange[]; warnings: string[] } {
  const changes: BackendChange[] = [];
  const warnings: string[] = [];
  return {
    clock: systemClock,
    random: Math.random,
    ttl: 10_000,
    prefix: '',
    onBackendChange: (change) => changes.push(change),
    warn: (message) => warnings.push(message),
    changes,
    warnings,
  };
}

/** The clock of a machine whose wall clock is wrong by so many ms. */
export function clockOffBy(ms: number): Clock {
  return { ...systemClock, wall: () => Date.now() + ms };
}
