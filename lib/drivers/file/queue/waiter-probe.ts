import type { Timer } from '../../../common/clock.js';
import { TicketWatch, type TicketWatchContext } from './ticket-watch.js';
import type { Ticket, Tickets } from './tickets.js';

/** How long the answer is valid, ms. */
const VALID = 500;

export interface WaiterProbeContext extends TicketWatchContext {
  readonly tickets: Tickets;
}

/**
 * Checks whether the waiters for a lock are alive, for a caller that only tries and found them ahead of it. Otherwise a single waiter
 * that is stopped would block all such callers for ever.
 *
 * The probe asks the last waiter. If it is alive, it looks after those before it; if it does not answer, it is passed over.
 */
export class WaiterProbe {
  #watch?: TicketWatch;
  #timer?: Timer;

  /** @param onDone is called when another probe may be made */
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
      // The next try meets the same failure, and reports it.
      return undefined;
    }
  }

  #rest(): void {
    this.#watch?.close();
    this.#timer = this.context.clock.setTimer(VALID, this.onDone, 'background');
  }
}
