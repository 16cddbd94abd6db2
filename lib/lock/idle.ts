import type { Clock } from '../common/clock.js';

/** Tells a coordinator that stops when nothing is under way any more. */
export class Idle {
  #onIdle?: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly isBusy: () => boolean,
  ) {}

  /** Something has ended. */
  check(): void {
    if (this.#onIdle && !this.isBusy()) this.#onIdle();
  }

  /** Resolves when nothing is under way, or after that time, ms. */
  async within(timeout = Infinity): Promise<void> {
    if (!this.isBusy() || timeout <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.clock.setTimer(timeout, resolve);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#onIdle = undefined;
  }
}
