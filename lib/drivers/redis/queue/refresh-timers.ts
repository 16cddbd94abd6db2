import type { Clock, Timer } from '../../../common/clock.js';

/** How long the connections for messages stay when no waiter is left, ms. */
const CONNECTION_LINGER = 10_000;

/**
 * The timers for refreshes, which tell the nodes that our waiters are alive.
 *
 *     idle ──begin──▶ refreshing, once in a period ──end──▶ lingering ──▶ onRest
 *                        ▲                                      │
 *                        └─────────────────begin────────────────┘
 */
export class RefreshTimers {
  readonly #clock: Clock;
  readonly #onRefresh: () => void;
  readonly #onRest: () => void;
  #refreshing: Timer | undefined;
  /** When the next refresh is due, on the monotonic clock, ms. */
  #due = Infinity;
  #resting: Timer | undefined;
  #expiry: Timer | undefined;
  #stopped = false;

  /**
   * @param onRefresh called when a period is over, or when a lock with waiters runs out
   * @param onRest called when there has been no waiter for a while
   */
  constructor(clock: Clock, onRefresh: () => void, onRest: () => void) {
    this.#clock = clock;
    this.#onRefresh = onRefresh;
    this.#onRest = onRest;
  }

  /** There is a waiter: refreshes after `period` ms, unless a refresh is due earlier. */
  begin(period: number): void {
    if (this.#stopped) return;
    this.#resting?.cancel();
    this.#resting = undefined;
    // The period may have been longer when the timer was set.
    if (!this.#refreshing || this.#due > this.#clock.monotonic() + period) this.restart(period);
  }

  /** A refresh is under way: the next one follows after `period` ms. */
  restart(period: number): void {
    this.#refreshing?.cancel();
    this.#due = this.#clock.monotonic() + period;
    this.#refreshing = this.#clock.setTimer(period, this.#onRefresh, 'background');
  }

  /** No waiter is left. */
  end(): void {
    // A stop has cancelled the timers. Nothing may start one after it.
    if (!this.#refreshing || this.#stopped) return;
    this.#refreshing.cancel();
    this.#refreshing = undefined;
    const rest = (): void => {
      this.#resting = undefined;
      this.#onRest();
    };
    this.#resting ??= this.#clock.setTimer(CONNECTION_LINGER, rest, 'background');
  }

  /** Refreshes after `ms` ms as well, unless such a refresh is due already. */
  once(ms: number): void {
    if (this.#stopped) return;
    const refresh = (): void => {
      this.#expiry = undefined;
      this.#onRefresh();
    };
    this.#expiry ??= this.#clock.setTimer(ms, refresh, 'background');
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of [this.#refreshing, this.#resting, this.#expiry]) timer?.cancel();
  }
}
