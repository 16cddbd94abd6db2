import type { Clock, Timer } from '../../common/clock.js';
import type { NodeError } from './node-error.js';

interface Entry {
  readonly sentAt: number;
  readonly reject: (error: NodeError) => void;
  settled: boolean;
  /** The one that was sent after it. */
  next?: Entry;
}

/**
 * The commands that a node has not answered yet. One timer watches the oldest, so that a command costs no timer.
 */
export class PendingCommands {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #onTimeout: () => void;
  #oldest?: Entry;
  #newest?: Entry;
  #timer: Timer | undefined;

  constructor(clock: Clock, timeout: number, onTimeout: () => void) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#onTimeout = onTimeout;
  }

  add(reject: (error: NodeError) => void): Entry {
    const entry: Entry = { sentAt: this.#clock.monotonic(), reject, settled: false, next: undefined };
    if (this.#newest) this.#newest.next = entry;
    else this.#oldest = entry;
    this.#newest = entry;
    if (!this.#timer) this.#arm(this.#timeout);
    return entry;
  }

  /** False when the command was given up before. */
  settle(entry: Entry): boolean {
    if (entry.settled) return false;
    entry.settled = true;
    // A server answers in the order of the commands, so this is nearly always the oldest.
    while (this.#oldest?.settled) this.#oldest = this.#oldest.next;
    if (!this.#oldest) this.#newest = undefined;
    return true;
  }

  rejectAll(error: NodeError): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    let entry = this.#oldest;
    // Who is told may send another one, which is not meant.
    this.#oldest = undefined;
    this.#newest = undefined;
    for (; entry; entry = entry.next) {
      if (entry.settled) continue;
      entry.settled = true;
      entry.reject(error);
    }
  }

  #arm(ms: number): void {
    this.#timer = this.#clock.setTimer(ms, () => this.#look(), 'background');
  }

  #look(): void {
    const oldest = this.#oldest;
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
      if (!oldest.settled) this.#onTimeout();
      else this.#look();
    });
  }
}
