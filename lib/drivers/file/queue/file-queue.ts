import { HolderWatch } from '../holder/index.js';
import type { OwnerRecord } from '../kernel/index.js';
import { TicketWatch, type TicketWatchContext } from './ticket-watch.js';
import type { Ticket, Tickets } from './tickets.js';

/** For so long a look at who waits elsewhere counts for those who waited here by then, ms: they come behind. */
const COUNTS = 250;

/** One who waits here, with its ticket as long as it does. */
export interface FileWaiter {
  readonly wake: () => void;
  ticket?: Ticket;
}

export interface FileQueueContext extends TicketWatchContext {
  readonly tickets: Tickets;
  /** Who has the lock, as far as its file tells. */
  readonly readOwner: (name: string) => Pick<OwnerRecord, 'grantId' | 'socket'> | undefined;
  /** Whether this driver has the lock itself. */
  readonly heldHere: (name: string) => boolean;
  /** Whether the others know this driver. */
  readonly isSeated: () => boolean;
}

/**
 * Those of one driver who wait for one lock, in their order. Only the first of them looks around and is woken: when the
 * one before it, who is of another driver, waits no more, or, if there is none, when the lock is freed.
 */
export class FileQueue {
  readonly #waiters: FileWaiter[] = [];
  /** The tickets of others, in their order, as they were found last; when; and up to which of ours. */
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

  /** Whether it may try to lock: nobody waits before it. */
  isTurnOf(waiter: FileWaiter): boolean {
    if (waiter !== this.#waiters[0]) return false;
    // The end of our own lease rings, and then is the time to look.
    if (this.context.heldHere(this.name)) {
      this.#watchNobody();
      return false;
    }
    const { tickets, isSeated } = this.context;
    // Whose tickets are removed by everybody would never have its turn: it takes its chance.
    if (!isSeated()) {
      this.#watchTicket(undefined);
      return true;
    }
    if (waiter.ticket && !tickets.isInPlace(waiter.ticket)) this.#replaceLost();
    const before = tickets.lastBefore(this.#othersBefore(waiter.ticket), waiter.ticket);
    this.#watchTicket(before);
    return before === undefined;
  }

  /** The first one has found the lock taken. */
  foundTaken(): void {
    if (this.#holder) return this.#holder.foundTaken();
    const { clock, peers, readOwner } = this.context;
    this.#holder = new HolderWatch(clock, peers, () => readOwner(this.name), this.ring);
  }

  /** Wakes the first one. */
  readonly ring = (): void => this.#waiters[0]?.wake();

  /** Everybody leaves. */
  close(): void {
    this.#watchNobody();
    for (const waiter of this.#waiters.splice(0)) this.#giveUp(waiter);
  }

  #giveUp(waiter: FileWaiter): void {
    if (waiter.ticket) this.context.tickets.giveUp(waiter.ticket);
    waiter.ticket = undefined;
  }

  /** Looks into the folder now and then only: that takes as long as the queue is. */
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

  /** Others have passed over who did not answer, with all tickets: this process was stopped, or busy, for a time. */
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
