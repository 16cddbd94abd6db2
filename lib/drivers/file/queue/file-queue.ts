import { HolderWatch } from '../holder/index.js';
import type { OwnerRecord } from '../kernel/index.js';
import { TicketWatch, type TicketWatchContext } from './ticket-watch.js';
import type { Ticket, Tickets } from './tickets.js';

/** How long a look at the waiters of other drivers is valid for those who waited here by then, ms: newer waiters stand behind them. */
const COUNTS = 250;

/** A waiter of this driver. It has a ticket as long as it waits. */
export interface FileWaiter {
  readonly wake: () => void;
  ticket?: Ticket;
}

export interface FileQueueContext extends TicketWatchContext {
  readonly tickets: Tickets;
  /** The holder of the lock, as far as the lock's file tells. */
  readonly readOwner: (name: string) => Pick<OwnerRecord, 'grantId' | 'socket'> | undefined;
  /** Whether this driver holds the lock itself. */
  readonly heldHere: (name: string) => boolean;
  /** Whether other drivers see this driver's instance. */
  readonly isSeated: () => boolean;
}

/**
 * The waiters of one driver for one lock, in their order. Only the first one looks around and is woken. It is woken when the waiter
 * ahead of it, of another driver, no longer waits. If there is none, it is woken when the lock is freed.
 */
export class FileQueue {
  readonly #waiters: FileWaiter[] = [];
  /** The tickets of other drivers at the last look, in their order; then the time of that look, and the last own ticket that it covers. */
  #others: Ticket[] = [];
  #looked = -Infinity;
  #lookedFor = 0;
  #before?: TicketWatch;
  #holder?: HolderWatch;

  constructor(
    private readonly name: string,
    private readonly context: FileQueueContext,
  ) {}

  get isEmpty(): boolean {
    return this.#waiters.length === 0;
  }

  join(waiter: FileWaiter): void {
    waiter.ticket = this.context.tickets.draw(this.name);
    this.#waiters.push(waiter);
  }

  leave(waiter: FileWaiter): void {
    const index = this.#waiters.indexOf(waiter);
    if (index < 0) return;
    this.#waiters.splice(index, 1);
    this.#giveUp(waiter);
    if (this.isEmpty || this.context.heldHere(this.name)) this.#watchNobody();
    else if (index === 0) this.ring();
  }

  /** Whether this waiter may try to lock: no other waiter is ahead of it. */
  isTurnOf(waiter: FileWaiter): boolean {
    if (waiter !== this.#waiters[0]) return false;
    // The end of this driver's own lease rings; that is the time to look.
    if (this.context.heldHere(this.name)) {
      this.#watchNobody();
      return false;
    }
    const { tickets, isSeated } = this.context;
    // Other drivers take this one for dead and remove its tickets. Its turn would never come, so it tries at once.
    if (!isSeated()) {
      this.#watchTicket(undefined);
      return true;
    }
    if (waiter.ticket && !tickets.isInPlace(waiter.ticket)) this.#replaceLost();
    const before = tickets.lastBefore(this.#othersBefore(waiter.ticket), waiter.ticket);
    this.#watchTicket(before);
    return before === undefined;
  }

  /** The first waiter has found the lock taken. */
  foundTaken(): void {
    if (this.#holder) return this.#holder.foundTaken();
    const { clock, peers, readOwner } = this.context;
    this.#holder = new HolderWatch(clock, peers, () => readOwner(this.name), this.ring);
  }

  /** Wakes the first waiter. */
  readonly ring = (): void => this.#waiters[0]?.wake();

  /** Removes all waiters of this driver. */
  close(): void {
    this.#watchNobody();
    for (const waiter of this.#waiters.splice(0)) this.#giveUp(waiter);
  }

  #giveUp(waiter: FileWaiter): void {
    if (waiter.ticket) this.context.tickets.giveUp(waiter.ticket);
    waiter.ticket = undefined;
  }

  /** Reads the folder only now and then: a read takes longer the longer the queue is. */
  #othersBefore(ticket: Ticket | undefined): Ticket[] {
    const { tickets, clock } = this.context;
    const now = clock.monotonic();
    const isKnown = ticket !== undefined && ticket.sequence <= this.#lookedFor;
    if (isKnown && now - this.#looked < COUNTS) return this.#others;
    this.#others = tickets.of(this.name).filter(({ id }) => !tickets.holds(id));
    this.#looked = now;
    this.#lookedFor = this.#waiters.at(-1)?.ticket?.sequence ?? 0;
    return this.#others;
  }

  /** Draws new tickets for all waiters: this process was stopped or busy and did not answer, so other drivers removed its tickets. */
  #replaceLost(): void {
    for (const waiter of this.#waiters) {
      const ticket = this.context.tickets.draw(this.name);
      this.#giveUp(waiter);
      waiter.ticket = ticket;
    }
  }

  #watchTicket(ticket: Ticket | undefined): void {
    if (ticket) this.#watchNoHolder();
    if (ticket?.id === this.#before?.ticket.id) return;
    this.#before?.close();
    this.#before = ticket && new TicketWatch(ticket, this.context, { onEnd: this.#onWayFree });
  }

  readonly #onWayFree = (): void => {
    this.#before = undefined;
    this.ring();
  };

  #watchNoHolder(): void {
    this.#holder?.close();
    this.#holder = undefined;
  }

  #watchNobody(): void {
    this.#watchTicket(undefined);
    this.#watchNoHolder();
  }
}
