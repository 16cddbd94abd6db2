import type { Clock, Timer } from '../common/clock.js';
import type { Driver, Grant } from '../drivers/driver.js';
import { Deadline } from '../lock/lease/index.js';

/**
 * One lease of an owner, from its grant until it is given back, lost or over.
 *
 * A timer ends it: on files and in memory nothing else would, and elsewhere an owner that comes too late must find no lease to renew.
 */
export class KeptLease {
  #end: Deadline;
  #timer: Timer;
  #ended = false;

  /** @param onEnd called once, when no part of it is left here */
  constructor(
    readonly driver: Driver,
    readonly grant: Grant,
    readonly clock: Clock,
    ms: number,
    private readonly onEnd: () => void,
  ) {
    this.#end = Deadline.after(clock, ms);
    this.#timer = this.#timerFor(ms);
  }

  get over(): boolean {
    return this.#ended || this.#end.over;
  }

  /** The lease lasts for `ms` ms from now. */
  extend(ms: number): void {
    this.#timer.cancel();
    this.#end = Deadline.after(this.clock, ms);
    this.#timer = this.#timerFor(ms);
  }

  /** The back end says that it is gone. */
  forget(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer.cancel();
    this.onEnd();
  }

  /**
   * Ends it here and in the back end.
   * @returns whether it still held its lock
   * @throws BackendUnavailableError when that is unknown; it then ends by its ttl
   */
  async giveBack(): Promise<boolean> {
    const over = this.over;
    this.forget();
    const held = await this.driver.locks.release(this.grant);
    return held && !over;
  }

  #timerFor(ms: number): Timer {
    // The back end ends a lease by its own clock. A lease that it keeps for longer is given back, and no caller waits for that.
    return this.clock.setTimer(ms, () => void this.giveBack().catch(() => undefined), 'background');
  }
}
