import type { Moment } from '../../../common/clock.js';
import type { RedisClient } from '../connection/index.js';
import type { NodeError } from '../errors/index.js';

/** Which command goes out first where several wait: the lowest. */
export const Rank = { upkeep: 0, release: 1, acquisition: 2 } as const;
export type Rank = (typeof Rank)[keyof typeof Rank];

/** One command to a node, and what becomes of it; sent once. */
export abstract class Exchange {
  #sentAt = 0;
  #departure: Moment | undefined;
  #settled = false;
  #waited = false;
  #turn = 0;
  /** The one after it in its {@link ExchangeChain}, which alone writes it. */
  next?: Exchange;

  abstract readonly rank: Rank;
  abstract send(client: RedisClient): Promise<unknown>;
  abstract onReply(reply: unknown): void;
  abstract onError(error: NodeError): void;

  /** When it was sent, on the monotonic clock, ms. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /** The same on both clocks, where it had to wait until it was sent. */
  get departure(): Moment | undefined {
    return this.#departure;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Whether there was no room for it when the commands of its turn of the event loop were sent. */
  get waited(): boolean {
    return this.#waited;
  }

  /** @param turn the dispatch before which it came */
  queue(turn: number): void {
    this.#turn = turn;
  }

  /** @param turn the dispatch that it is looked at in; returns why it is not to be sent */
  refusalAt(turn: number): NodeError | undefined {
    this.#waited = this.#turn < turn;
    return this.unwanted;
  }

  /** @param departure where it had to wait until now */
  depart(sentAt: number, departure?: Moment): void {
    this.#sentAt = sentAt;
    this.#departure = departure;
  }

  /** It was answered, or given up; false when it was before. */
  settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    return true;
  }

  /** Why its caller no longer wants it, while it is not sent. */
  get unwanted(): NodeError | undefined {
    return undefined;
  }
}

/** Exchanges in the order in which they came. It costs no memory of its own. */
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

  /** Whether one of them is meant. */
  some(isMeant: (exchange: Exchange) => boolean): boolean {
    for (let each = this.first; each; each = each.next) if (isMeant(each)) return true;
    return false;
  }

  /** Takes out those that are meant, at most so many. */
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
