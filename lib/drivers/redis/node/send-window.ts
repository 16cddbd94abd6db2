import type { Exchange } from './exchange.js';

/**
 * The most commands that are under way at once. That keeps a server on the same machine busy for some ten round trips. More commands
 * would only grow old in buffers.
 */
export const WINDOW = 1000;

/** The same for a server that is very slow. */
const SMALLEST_WINDOW = 50;

/** How much the window grows with each dispatch. */
const GROWTH = 10;

/**
 * The window shrinks when a command is under way for longer than this share of a time-out: a server works in vain on a command that
 * was sent more than a time-out ago.
 */
const LONGEST_UNDER_WAY = 1 / 4;

/** How many commands may be under way to one server. It shrinks while the server is slow, and grows again. */
export class SendWindow {
  #size = WINDOW;
  /** When the window last shrank, on the monotonic clock, ms. */
  #shrunk = -Infinity;

  /** @param timeout how long a server may be silent while commands are under way, ms */
  constructor(private readonly timeout: number) {}

  get size(): number {
    return this.#size;
  }

  /**
   * Called before each dispatch.
   * @param oldest the oldest command under way
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
