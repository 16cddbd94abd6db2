import type { Moment } from '../../../common/clock.js';
import type { RedisClient } from '../connection/index.js';
import type { NodeError } from '../errors/index.js';

/** The order in which waiting commands are sent: the lowest rank first. */
export const Rank = { upkeep: 0, release: 1, acquisition: 2 } as const;
export type Rank = (typeof Rank)[keyof typeof Rank];

/** One command to a node, and what follows its reply; sent once. */
export abstract class Exchange {
  #sentAt = 0;
  #departure: Moment | undefined;
  #settled = false;
  #waited = false;
  #turn = 0;
  /** The next one in its {@link ExchangeChain}. Only the chain writes it. */
  next?: Exchange;

  abstract readonly rank: Rank;
  abstract send(client: RedisClient): Promise<unknown>;
  abstract onReply(reply: unknown): void;
  abstract onError(error: NodeError): void;

  /** When it was sent, on the monotonic clock, ms. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /** The same moment on both clocks; only where the command had to wait before it was sent. */
  get departure(): Moment | undefined {
    return this.#departure;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Whether the window had no room for it when the commands of its turn of the event loop were sent. */
  get waited(): boolean {
    return this.#waited;
  }

  /** @param turn the number of the next dispatch */
  queue(turn: number): void {
    this.#turn = turn;
  }

  /**
   * @param turn the number of the present dispatch
   * @returns why the command must not be sent; undefined when it may be
   */
  refusalAt(turn: number): NodeError | undefined {
    this.#waited = this.#turn < turn;
    return this.unwanted;
  }

  /** @param departure only where the command had to wait until now */
  depart(sentAt: number, departure?: Moment): void {
    this.#sentAt = sentAt;
    this.#departure = departure;
  }

  /** The command was answered or given up; false when it already was. */
  settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    return true;
  }

  /** Why the caller no longer wants the command; asked before it is sent. */
  get unwanted(): NodeError | undefined {
    return undefined;
  }
}

/** Exchanges in the order in which they came. The chain needs no memory of its own. */
export class ExchangeChain {
  first?: Exchange;
  #last?: Exchange;

  push(exchange: Exchange): void {
    if (this.#last) this.#last.next = exchange;
    else this.first = exchange;
    this.#last = exchange;
  }

  shift(): Exchange | undefined {
    const { first } = this;
    if (!first) return undefined;
    this.first = first.next;
    if (!this.first) this.#last = undefined;
    first.next = undefined;
    return first;
  }

  /** Whether one of them fits. */
  some(isMeant: (exchange: Exchange) => boolean): boolean {
    for (let each = this.first; each; each = each.next) if (isMeant(each)) return true;
    return false;
  }

  /** Removes and returns those that fit, at most `most` of them. */
  takeOut(isMeant: (exchange: Exchange) => boolean, most = Infinity): Exchange[] {
    const out: Exchange[] = [];
    let next = this.first;
    this.first = undefined;
    this.#last = undefined;
    while (next) {
      const exchange = next;
      next = exchange.next;
      exchange.next = undefined;
      if (out.length < most && isMeant(exchange)) out.push(exchange);
      else this.push(exchange);
    }
    return out;
  }
}
