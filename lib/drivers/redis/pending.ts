import type { Clock, Timer } from '../../common/clock.js';
import type { RedisClient } from './clients.js';
import type { NodeError } from './node-error.js';

/** One command to a node, and what becomes of it; sent once. */
export abstract class Exchange {
  /** When it was sent, on the monotonic clock, ms. */
  sentAt = 0;
  settled = false;
  /** The one that was sent after it. */
  next?: Exchange;

  abstract send(client: RedisClient): Promise<unknown>;
  abstract onReply(reply: unknown): void;
  abstract onError(error: NodeError): void;
}

/**
 * The commands that a node has not answered yet. One timer watches the oldest, so that a command costs no timer.
 */
export class PendingCommands {
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #onTimeout: () => void;
  #oldest?: Exchange;
  #newest?: Exchange;
  #size = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, timeout: number, onTimeout: () => void) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#onTimeout = onTimeout;
  }

  /** How many answers are still to come. */
  get size(): number {
    return this.#size;
  }

  add(exchange: Exchange): void {
    exchange.sentAt = this.#clock.monotonic();
    if (this.#newest) this.#newest.next = exchange;
    else this.#oldest = exchange;
    this.#newest = exchange;
    this.#size += 1;
    if (!this.#timer) this.#arm(this.#timeout);
  }

  /** False when the command was given up before. */
  settle(exchange: Exchange): boolean {
    if (exchange.settled) return false;
    exchange.settled = true;
    this.#size -= 1;
    // A server answers in the order of the commands, so this is nearly always the oldest.
    while (this.#oldest?.settled) this.#oldest = this.#oldest.next;
    if (!this.#oldest) this.#newest = undefined;
    return true;
  }

  rejectAll(error: NodeError): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    let exchange = this.#oldest;
    // Who is told may send another one, which is not meant.
    this.#oldest = undefined;
    this.#newest = undefined;
    this.#size = 0;
    for (; exchange; exchange = exchange.next) {
      if (exchange.settled) continue;
      exchange.settled = true;
      exchange.onError(error);
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
