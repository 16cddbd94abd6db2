import type { Clock, Timer } from '../../../common/clock.js';

/** The watch looks this many times within the time-out. */
const STEPS = 8;

/**
 * Tells when the server has not answered the statement under way in time. While this process was blocked or stopped, nothing was read:
 * that is not the server's silence. One timer watches all statements, so that a statement costs no timer.
 */
export class AnswerWatch {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #onSilence: () => void;
  #timer: Timer | undefined;
  /** When the timer is due, on the monotonic clock, ms. */
  #due = 0;
  /** Since when the server has been silent, on the monotonic clock, ms; undefined while no statement is under way. */
  #silentSince: number | undefined;

  /** @param timeout how long the server may be silent while a statement is under way, ms */
  constructor(clock: Clock, timeout: number, onSilence: () => void) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#onSilence = onSilence;
  }

  /** A statement is under way from now on. */
  begin(): void {
    this.#silentSince = this.#clock.monotonic();
    if (!this.#timer) this.#arm(this.#silentSince, this.#silentSince);
  }

  /** No statement is under way. */
  end(): void {
    this.#silentSince = undefined;
  }

  stop(): void {
    this.end();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(now: number, silentSince: number): void {
    const ms = Math.max(0, Math.min(this.#timeout / STEPS, silentSince + this.#timeout - now));
    this.#due = now + ms;
    this.#timer = this.#clock.setTimer(ms, () => this.#look(), 'background');
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#silentSince === undefined) return;
    const now = this.#clock.monotonic();
    const blocked = now - Math.max(this.#due, this.#silentSince);
    const silentSince = this.#silentSince + blocked;
    this.#silentSince = silentSince;
    if (now - silentSince < this.#timeout) {
      this.#arm(now, silentSince);
      return;
    }
    // Timers run before sockets are read: an answer may still be unread.
    this.#clock.afterInput(() => {
      if (this.#silentSince === silentSince) this.#onSilence();
    });
  }
}
