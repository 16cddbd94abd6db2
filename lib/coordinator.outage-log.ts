import type { Clock, Timer } from './common/clock.js';
import type { CoordinatorLog } from './coordinator.log.js';
import type { BackendChange, Driver } from './drivers/driver.js';

/** A shorter outage than this, ms, is a warning and no error: a connection was made anew. The events report each change at once. */
const SHORT = 100;

/** Logs the outages of a back end. */
export class OutageLog {
  #begun: { readonly change: BackendChange; readonly since: number; readonly timer: Timer } | undefined;

  constructor(
    private readonly log: CoordinatorLog,
    private readonly clock: Clock,
  ) {}

  tell(driver: Driver, change: BackendChange): void {
    const begun = this.#begun;
    if (change.state === 'down') {
      if (begun) return;
      const timer = this.clock.setTimer(SHORT, () => this.end(driver), 'background');
      this.#begun = { change, since: this.clock.monotonic(), timer };
    } else if (begun) {
      begun.timer.cancel();
      this.#begun = undefined;
      this.log.backendAway(driver, this.clock.monotonic() - begun.since, begun.change);
    } else this.log.backend(driver, change);
  }

  /** Logs the outage as an error: it has lasted long by now, or the coordinator stops. */
  end(driver: Driver): void {
    const begun = this.#begun;
    if (!begun) return;
    begun.timer.cancel();
    this.#begun = undefined;
    this.log.backend(driver, begun.change);
  }
}
