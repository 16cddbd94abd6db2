import { type Clock, momentOf, type Timer } from '../../../common/clock.js';
import type { NodeError } from '../errors/index.js';
import { type Exchange, ExchangeChain, Rank } from './exchange.js';
import { SendWindow, WINDOW } from './send-window.js';

/**
 * With this many unanswered commands, the next ones wait for the end of this turn of the event loop and go out together. Fewer commands
 * belong to one lock, of which a quorum has answered.
 */
const FEW = 4;

/** Commands that keep leases alive may exceed a full window, up to this limit. */
const WINDOW_OF_UPKEEP = 2 * WINDOW;

/** The watch for a time-out looks this many times within it. */
const STEPS = 8;

/** After this many time-outs a command counts as lost, although the server has answered later ones. */
const MOST_TIMEOUTS = 4;

/** The pause between two searches for commands that their callers no longer want, ms. */
const BETWEEN_DROPS = 50;

/** Taken now, as an application's tests may replace it by a fake that stands still. */
const nextTick = process.nextTick.bind(process);

const all = (): boolean => true;

export interface PendingSettings {
  readonly clock: Clock;
  /** How long a server may be silent while commands are under way, ms. */
  readonly timeout: number;
  /** Sends a command, which is then under way. */
  readonly send: (exchange: Exchange) => void;
  /** Calls `sendAll`, whose commands should go out in one write; does not call it when nothing can be sent. */
  readonly together: (sendAll: () => void) => void;
  /** The server does not answer. */
  readonly onTimeout: () => void;
}

/**
 * The commands to one server without an answer: those under way, and those that wait because the window is full.
 *
 * A server that answers is well, however many commands it has to answer. So this class judges the silence of the server, and not the
 * age of a command. One timer watches it, so that a command costs no timer.
 */
export class PendingCommands {
  readonly #settings: PendingSettings;
  /** In the order of sending. An answered command leaves the chain once all before it have left. */
  readonly #sent = new ExchangeChain();
  /** One chain for each rank. */
  readonly #waiting = [new ExchangeChain(), new ExchangeChain(), new ExchangeChain()] as const;
  #underWay = 0;
  #queued = 0;
  readonly #window: SendWindow;
  #dispatching = false;
  #turn = 0;
  #timer: Timer | undefined;
  /** When the timer is due, on the monotonic clock, ms. */
  #due = 0;
  /** Whether the server has answered since the last look. */
  #heard = false;
  /** Since when the server has been silent, on the monotonic clock, ms. */
  #silentSince = 0;
  /** The oldest command, when a later one was answered before it. */
  #overtaken: Exchange | undefined;
  /** When unwanted commands were last searched for, on the monotonic clock, ms. */
  #dropped = 0;

  constructor(settings: PendingSettings) {
    this.#settings = settings;
    this.#window = new SendWindow(settings.timeout);
  }

  /** How many answers are still to come. */
  get underWay(): number {
    return this.#underWay;
  }

  /** How many wait to be sent. */
  get queued(): number {
    return this.#queued;
  }

  /** Sends a command, now or when there is room for it. */
  submit(exchange: Exchange): void {
    if (this.#underWay < FEW && this.#queued === 0) {
      // The caller may have gone while the node was connected or synced.
      const { unwanted } = exchange;
      if (unwanted) return this.#giveUp(exchange, unwanted);
      exchange.depart(this.#settings.clock.monotonic());
      this.#send(exchange);
      return;
    }
    exchange.queue(this.#turn);
    this.#waiting[exchange.rank].push(exchange);
    this.#queued += 1;
    this.#dispatchSoon();
  }

  /** False when the command was given up earlier. */
  settle(exchange: Exchange): boolean {
    if (!exchange.settle()) return false;
    this.#heard = true;
    this.#underWay -= 1;
    // A server answers in the order of the commands, so this is nearly always the oldest.
    if (exchange !== this.#sent.first) this.#overtaken = this.#sent.first;
    while (this.#sent.first?.settled) this.#sent.shift();
    if (this.#queued > 0) this.#dispatchSoon();
    return true;
  }

  /**
   * Gives up all commands.
   * @param unsent the error for commands that were never sent
   */
  rejectAll(error: NodeError, unsent: NodeError): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    // Take all out first: a caller may send a new command when it learns of the error, and that one stays.
    const sent = this.#sent.takeOut(all);
    const waiting = this.#waiting.flatMap((chain) => chain.takeOut(all));
    this.#underWay = 0;
    this.#queued = 0;
    for (const exchange of sent) this.#giveUp(exchange, error);
    for (const exchange of waiting) this.#giveUp(exchange, unsent);
  }

  #giveUp(exchange: Exchange, error: NodeError): void {
    if (exchange.settle()) exchange.onError(error);
  }

  #send(exchange: Exchange): void {
    this.#sent.push(exchange);
    this.#underWay += 1;
    if (!this.#timer) {
      this.#heard = false;
      this.#silentSince = exchange.sentAt;
      this.#arm(exchange.sentAt);
    }
    this.#settings.send(exchange);
  }

  #dispatchSoon(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    nextTick(() => {
      this.#dispatching = false;
      if (this.#queued > 0) this.#settings.together(() => this.#dispatch());
    });
  }

  #dispatch(): void {
    const departure = momentOf(this.#settings.clock);
    this.#window.fit(this.#sent.first, departure.monotonic);
    for (let next = this.#next(); next; next = this.#next()) {
      const unwanted = next.refusalAt(this.#turn);
      if (unwanted) this.#giveUp(next, unwanted);
      else {
        next.depart(departure.monotonic, departure);
        this.#send(next);
      }
    }
    this.#turn += 1;
  }

  /** Takes the next command that may be sent. */
  #next(): Exchange | undefined {
    const upkeep = this.#waiting[Rank.upkeep];
    const releases = this.#waiting[Rank.release];
    const acquisitions = this.#waiting[Rank.acquisition];
    const { first } = upkeep;
    let from: ExchangeChain | undefined;
    if (first) from = this.#underWay < WINDOW_OF_UPKEEP ? upkeep : undefined;
    else if (this.#underWay < this.#window.size) from = releases.first ? releases : acquisitions;
    const exchange = from?.shift();
    if (exchange) this.#queued -= 1;
    return exchange;
  }

  #arm(now: number): void {
    const { clock, timeout } = this.#settings;
    const ms = Math.max(0, Math.min(timeout / STEPS, this.#silentSince + timeout - now));
    this.#due = now + ms;
    this.#timer = clock.setTimer(ms, () => this.#look(), 'background');
  }

  #look(): void {
    const oldest = this.#sent.first;
    if (!oldest) {
      this.#timer = undefined;
      return;
    }
    const { clock, timeout } = this.#settings;
    const now = clock.monotonic();
    // While the event loop was blocked, nothing was read or written. That is not the server's silence.
    const late = now - this.#due;
    if (this.#heard) this.#silentSince = now;
    else this.#silentSince = Math.max(this.#silentSince, oldest.sentAt) + late;
    this.#heard = false;
    if (this.#queued > 0) this.#dropUnwanted(now);
    const lost = oldest === this.#overtaken && now - oldest.sentAt >= MOST_TIMEOUTS * timeout;
    if (!lost && now - this.#silentSince < timeout) {
      this.#arm(now);
      return;
    }
    // Timers run before sockets are read: after a blocked event loop a reply may still be unread.
    const timer = this.#timer;
    clock.afterInput(() => {
      // All commands were given up meanwhile. New ones may have been sent, which have a timer of their own.
      if (this.#timer !== timer) return;
      if (oldest.settled || (this.#heard && !lost)) this.#look();
      else this.#settings.onTimeout();
    });
  }

  /** Rejects commands that their callers no longer want, before their turn comes. */
  #dropUnwanted(now: number): void {
    if (now - this.#dropped < BETWEEN_DROPS) return;
    this.#dropped = now;
    const isUnwanted = (exchange: Exchange): boolean => exchange.refusalAt(this.#turn) !== undefined;
    // A limited number each time: rejecting very many at once would block the event loop.
    const dropped = this.#waiting.flatMap((chain) =>
      chain.some(isUnwanted) ? chain.takeOut(isUnwanted, WINDOW) : [],
    );
    this.#queued -= dropped.length;
    for (const exchange of dropped) this.#giveUp(exchange, exchange.unwanted as NodeError);
  }
}
