import type { Clock, Timer } from './common/clock.js';
import type { CoordinatorLog } from './coordinator.log.js';
import type { BackendChange, Driver } from './drivers/driver.js';

/** A back end that is back within this, ms, is no error line: a connection was made anew. The events tell each change at once. */
const SHORT = 100;

/** Writes the lines about a back end that goes and comes back. */
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

  /** It is long by now, or nobody waits any longer. */
  end(driver: Driver): void {
    const begun = this.#begun;
    if (!begun) return;
    begun.timer.cancel();
    this.#begun = undefined;
    this.log.backend(driver, begun.change);
  }
}
