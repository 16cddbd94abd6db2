import type { Clock, Timer } from '../../common/clock.js';
import type { NodeError } from './node-error.js';

interface Entry {
  readonly sentAt: number;
  readonly reject: (error: NodeError) => void;
}

/**
 * The commands that a node has not answered yet. One timer watches the oldest, so that a command costs no timer.
 */
export class PendingCommands {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #onTimeout: () => void;
  /** In the order of sending. */
  readonly #entries = new Set<Entry>();
  #timer: Timer | undefined;

  constructor(clock: Clock, timeout: number, onTimeout: () => void) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#onTimeout = onTimeout;
  }

  add(reject: (error: NodeError) => void): Entry {
    const entry = { sentAt: this.#clock.monotonic(), reject };
    this.#entries.add(entry);
    if (!this.#timer) this.#arm(this.#timeout);
    return entry;
  }

  /** False when the command was given up before. */
  settle(entry: Entry): boolean {
    return this.#entries.delete(entry);
  }

  rejectAll(error: NodeError): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const entries = [...this.#entries];
    this.#entries.clear();
    for (const { reject } of entries) reject(error);
  }

  #arm(ms: number): void {
    this.#timer = this.#clock.setTimer(ms, () => this.#look(), 'background');
  }

  #look(): void {
    const [oldest] = this.#entries;
    if (!oldest) {
      this.#timer = undefined;
      return;
    }
    const left = oldest.sentAt + this.#timeout - this.#clock.monotonic();
    if (left > 0) {
      this.#arm(left);
      return;
    }
    // Timers run before sockets are read: after a blocked event loop the reply may be there, waiting to be read.
    const timer = this.#timer;
    this.#clock.afterInput(() => {
      // All were given up meanwhile, and others may have been sent, which have a timer of their own.
      if (this.#timer !== timer) return;
      if (this.#entries.has(oldest)) this.#onTimeout();
      else this.#look();
    });
  }
}
