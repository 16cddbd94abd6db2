import type { Clock, Timer } from '../../../common/clock.js';
import type { Peers } from '../peers/index.js';
import type { Instances } from '../directory/index.js';
import type { Ticket, Tickets } from './tickets.js';

/** How often a waiter is asked whether it is alive, ms. */
const PULSE = 500;
/** How long a waiter may be silent, ms: together with {@link PULSE}, a stopped waiter is noticed within a second. */
const SILENCE = 500;
/** When to look again, ms. The kernel closes the sockets of a dead process some µs before it unlocks its files, so look again soon. */
const LOOKS = [2, 8, 32, 128, 250];

export interface TicketListener {
  /** Called with each sign of life of the waiter. */
  readonly onAlive?: () => void;
  /** Called once, when the ticket no longer counts: look again for the waiters. Never called at once; nothing is called after it. */
  readonly onEnd: () => void;
}

export interface TicketWatchContext {
  readonly clock: Clock;
  readonly peers: Pick<Peers, 'watch'>;
  readonly instances: Pick<Instances, 'isTaken' | 'socketOf'>;
  readonly tickets: Pick<Tickets, 'discard' | 'passOver'>;
}

/**
 * Watches a waiter of another driver that is ahead of ours, until it no longer waits: it got the lock or left, its process died, or
 * it does not answer and is passed over.
 */
export class TicketWatch {
  /** Since when the waiter has not answered. */
  #since?: number;
  /** When the timer is due. */
  #due = 0;
  /** Whether the waiter got a second chance already, because this process itself was late. */
  #excused = false;
  #looks = 0;
  #leave?: () => void;
  #timer?: Timer;
  #closed = false;

  readonly #answer = {
    held: () => this.#alive(),
    gone: (how: 'ended' | 'unreachable') => {
      this.#leave = undefined;
      // A file that may be left of the ticket stands for no waiter.
      if (how === 'ended') this.#end(() => this.context.tickets.discard(this.ticket));
      else this.#unreachable();
    },
  };

  constructor(
    readonly ticket: Ticket,
    private readonly context: TicketWatchContext,
    private readonly listener: TicketListener,
    private readonly kind: 'foreground' | 'background' = 'foreground',
  ) {
    this.#ask();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#leave?.();
  }

  #ask(): void {
    this.#since ??= this.context.clock.monotonic();
    this.#arm(SILENCE, () => this.#judge());
    const socket = this.#socket();
    if (socket === undefined) this.#arm(this.#nextLook(), () => this.#unreachable());
    else this.#leave = this.context.peers.watch(socket, this.ticket.id, this.#answer);
  }

  #alive(): void {
    if (this.#closed) return;
    this.#since = undefined;
    this.#excused = false;
    this.#looks = 0;
    this.#arm(PULSE, () => this.#ask());
    this.listener.onAlive?.();
  }

  #unreachable(): void {
    if (this.#closed) return;
    this.#since ??= this.context.clock.monotonic();
    if (!this.#isSeatTaken()) this.#end();
    else if (this.context.clock.monotonic() - this.#since >= SILENCE) this.#passOver();
    else this.#arm(this.#nextLook(), () => this.#ask());
  }

  /** If this process was held up itself, the answer may lie unread, or the question unsent. Then it asks once more. */
  #judge(): void {
    const late = this.context.clock.monotonic() - this.#due;
    if (late > SILENCE / 10 && !this.#excused) {
      this.#excused = true;
      this.#ask();
      return;
    }
    this.context.clock.afterInput(() => {
      if (this.#since !== undefined) this.#passOver();
    });
  }

  #passOver(): void {
    this.#end(() => this.context.tickets.passOver(this.ticket));
  }

  #end(tidy: () => void = () => undefined): void {
    if (this.#closed) return;
    this.close();
    try {
      tidy();
    } catch {
      // The directory cannot be written to. The ticket is found there again, and its removal is tried again.
    }
    this.listener.onEnd();
  }

  #nextLook(): number {
    return LOOKS[this.#looks++] ?? SILENCE;
  }

  #arm(ms: number, callback: () => void): void {
    const { clock } = this.context;
    this.#timer?.cancel();
    this.#due = clock.monotonic() + ms;
    this.#timer = clock.setTimer(ms, callback, this.kind);
  }

  #socket(): string | undefined {
    try {
      return this.context.instances.socketOf(this.ticket.instance);
    } catch {
      // Treat it as unreachable, as if its socket were gone.
      return undefined;
    }
  }

  #isSeatTaken(): boolean {
    try {
      return this.context.instances.isTaken(this.ticket.instance) === true;
    } catch {
      // A failed read declares no waiter dead. The waiter is asked again, and then passed over.
      return true;
    }
  }
}
