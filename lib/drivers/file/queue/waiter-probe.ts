import type { Timer } from '../../../common/clock.js';
import { TicketWatch, type TicketWatchContext } from './ticket-watch.js';
import type { Ticket, Tickets } from './tickets.js';

/** How long the answer is good for, ms. */
const VALID = 500;

export interface WaiterProbeContext extends TicketWatchContext {
  readonly tickets: Tickets;
}

/**
 * Whether those who wait for a lock are there, asked for somebody who found them before it and does not wait: otherwise
 * one that is stopped, and waits alone, would keep everybody off for ever who only tries.
 *
 * The last one is asked. If it is there, it looks after those before it; if it does not answer, it is passed over.
 */
export class WaiterProbe {
  #watch?: TicketWatch;
  #timer?: Timer;

  /** @param onDone is told when another one may be made */
  constructor(
    private readonly name: string,
    private readonly context: WaiterProbeContext,
    private readonly onDone: () => void,
  ) {
    this.#next();
  }

  close(): void {
    this.#watch?.close();
    this.#timer?.cancel();
  }

  #next(): void {
    const last = this.#last();
    if (!last) return this.#rest();
    const listener = { onAlive: () => this.#rest(), onEnd: () => this.#next() };
    this.#watch = new TicketWatch(last, this.context, listener, 'background');
  }

  #last(): Ticket | undefined {
    const { tickets } = this.context;
    try {
      return tickets.lastBefore(tickets.of(this.name));
    } catch {
      // The next try finds the same, and says so.
      return undefined;
    }
  }

  #rest(): void {
    this.#watch?.close();
    this.#timer = this.context.clock.setTimer(VALID, this.onDone, 'background');
  }
}
