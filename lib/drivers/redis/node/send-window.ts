import type { Exchange } from './exchange.js';

/**
 * The most commands that are under way at once. It keeps a server busy for some ten round trips on one machine. Beyond it they
 * only grow old in buffers.
 */
export const WINDOW = 1000;

/** As many are under way at a server that is very slow. */
const SMALLEST_WINDOW = 50;

/** How much the window grows again with each time that something is sent. */
const GROWTH = 10;

/**
 * The window is made smaller when a command is under way for longer than this share of a time-out: what a server does later
 * than a time-out after it was sent is done in vain.
 */
const LONGEST_UNDER_WAY = 1 / 4;

/** How many commands may be under way to one server. It shrinks while the server is slow, and grows again. */
export class SendWindow {
  #size = WINDOW;
  /** When it was made smaller, on the monotonic clock, ms. */
  #shrunk = -Infinity;

  /** @param timeout how long a server may be silent while commands are under way, ms */
  constructor(private readonly timeout: number) {}

  get size(): number {
    return this.#size;
  }

  /**
   * Called each time before commands are sent.
   * @param oldest of those under way
   * @param now on the monotonic clock, ms
   */
  fit(oldest: Exchange | undefined, now: number): void {
    if (!oldest || now - oldest.sentAt <= LONGEST_UNDER_WAY * this.timeout) {
      this.#size = Math.min(WINDOW, this.#size + GROWTH);
    } else if (oldest.sentAt > this.#shrunk) {
      this.#shrunk = now;
      this.#size = Math.max(SMALLEST_WINDOW, Math.floor(this.#size / 2));
    }
  }
}
