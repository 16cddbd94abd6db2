import type { Clock, Timer } from '../../../common/clock.js';
import type { Peers } from '../peers/index.js';
import type { Instances } from '../directory/index.js';
import type { Ticket, Tickets } from './tickets.js';

/** How often a waiter is asked whether it is there, ms. */
const PULSE = 500;
/** How long it may be silent, ms: with {@link PULSE}, it is noticed within a second that it was stopped. */
const SILENCE = 500;
/** The kernel closes the sockets of a process that has died some µs before it unlocks its files, so look again soon. */
const LOOKS = [2, 8, 32, 128, 250];

export interface TicketListener {
  /** It is there. Told again and again. */
  readonly onAlive?: () => void;
  /** Its place is no more: look again who is there. Told once, never at once, and nothing after it. */
  readonly onEnd: () => void;
}

export interface TicketWatchContext {
  readonly clock: Clock;
  readonly peers: Pick<Peers, 'watch'>;
  readonly instances: Pick<Instances, 'isTaken' | 'socketOf'>;
  readonly tickets: Pick<Tickets, 'discard' | 'passOver'>;
}

/**
 * Somebody of another driver who waits before us, watched until it does not any more: it got the lock or left, its process
 * died, or it does not answer and is passed over.
 */
export class TicketWatch {
  /** Since when there has been no answer. */
  #since?: number;
  /** When the timer is due. */
  #due = 0;
  /** Whether it was held to its credit that this process itself was late. */
  #excused = false;
  #looks = 0;
  #leave?: () => void;
  #timer?: Timer;
  #closed = false;

  readonly #answer = {
    held: () => this.#alive(),
    gone: (how: 'ended' | 'unreachable') => {
      this.#leave = undefined;
      // Whatever may be left of it stands for nobody.
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

  /** An answer may lie unread, or the question, if this process was itself held up. */
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
      // A directory that cannot be written to: it is found there again, and the same is tried again.
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
      // As unreachable as one whose socket is gone.
      return undefined;
    }
  }

  #isSeatTaken(): boolean {
    try {
      return this.context.instances.isTaken(this.ticket.instance);
    } catch {
      // Nobody is declared dead for that; it is asked again, and then passed over.
      return true;
    }
  }
}
