import type { Clock } from '../common/clock.js';
import type { Drain } from './drain.js';

/** Why a wait ended without the lock. */
export type PatienceEnd = 'timeout' | 'aborted' | 'draining';

/** Arranges for `wake` to be called, and returns how to call the arrangement off. */
export type Arrangement = (wake: () => void) => () => void;

/**
 * How long one call is ready to wait: until its time is over, its signal aborts, or the coordinator shuts down.
 * Costs nothing until there is something to wait for.
 */
export class Patience {
  readonly #until: number;

  constructor(
    private readonly clock: Clock,
    /** true: for ever · false or 0: one try · n: at most n ms. */
    readonly blocking: boolean | number,
    private readonly drain: Drain,
    readonly signal?: AbortSignal,
  ) {
    if (blocking === true) this.#until = Infinity;
    else this.#until = blocking === false ? 0 : clock.monotonic() + blocking;
  }

  /** True when the caller wants a single try and no waiting. */
  get once(): boolean {
    return this.blocking === false || this.blocking === 0;
  }

  /** Why waiting is over by now, if it is. */
  get end(): PatienceEnd | undefined {
    return this.gone ?? (this.clock.monotonic() >= this.#until ? 'timeout' : undefined);
  }

  /** Why the caller has gone for good, if it has; a time-out is not that: it never cuts a try short. */
  get gone(): 'aborted' | 'draining' | undefined {
    if (this.signal?.aborted) return 'aborted';
    return this.drain.over ? 'draining' : undefined;
  }

  /**
   * Waits for `arrange` to wake it, for `ms`, or for the end of patience, whichever comes first.
   * Resolves to true when it was woken.
   */
  wait(arrange: Arrangement, ms = Infinity): Promise<boolean> {
    return this.#race(arrange, Math.min(ms, this.#until - this.clock.monotonic()));
  }

  /**
   * Waits for a try that is under way. The time-out does not cut it short, as a try is bounded by the driver; a
   * caller that has gone does. Resolves to true when the try has settled.
   */
  waitForTry(attempt: Promise<unknown>): Promise<boolean> {
    return this.#race((wake) => {
      attempt.then(wake, wake);
      return () => undefined;
    }, Infinity);
  }

  #race(arrange: Arrangement, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const undo: (() => void)[] = [];
      let settled = false;
      const settle = (woken: boolean): void => {
        settled = true;
        for (const call of undo.splice(0)) call();
        resolve(woken);
      };
      const giveUp = (): void => settle(false);

      undo.push(arrange(() => settle(true)));
      if (ms <= 0 || this.gone) giveUp();
      if (settled) {
        for (const call of undo.splice(0)) call();
        return;
      }
      if (ms !== Infinity) {
        const timer = this.clock.setTimer(ms, giveUp);
        undo.push(() => timer.cancel());
      }
      undo.push(this.drain.onOver(giveUp));
      const { signal } = this;
      if (signal) {
        signal.addEventListener('abort', giveUp);
        undo.push(() => signal.removeEventListener('abort', giveUp));
      }
    });
  }
}
