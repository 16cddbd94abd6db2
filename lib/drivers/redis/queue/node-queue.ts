import type { Slot } from '../../../common/bag.js';
import type { Moment } from '../../../common/clock.js';

/** A waiter in the queue of a node, or about to enter it. */
export interface QueueEntry {
  readonly id: string;
  readonly key: string;
  /** The number of the node. */
  readonly node: number;
  /** How long its node may believe, without another sign, that it waits, ms. */
  readonly alive: number;
  /** True when the node has confirmed that it is queued, and no other command is under way for it. */
  readonly queued: boolean;
  /** A moment at which the lock was not yet its own. */
  readonly since: Moment;
  /** Its slot among the waiters that ask, until the node has queued it for the first time. */
  readonly asking: Slot<QueueEntry> | undefined;
  /** Its queue from then on. */
  readonly line: NodeQueue | undefined;
  /** Called by the {@link Waiters} alone. */
  asks(place: Slot<QueueEntry> | undefined): void;
  /** Called by the {@link Waiters} alone. */
  stands(line: NodeQueue | undefined): void;
  /** Called by the {@link Waiters} alone. */
  rename(id: string): void;
  /** The node has granted it the lock. With a message: at `micros`, the node's time in µs. */
  granted(micros?: number): void;
  /** The waiter still waited after `since`. */
  waited(since: Moment): void;
  /** The waiter is no longer in the queue. */
  lost(): void;
}

/** How many waiters of a lock one look covers, besides twice those that left since the last look; and the most. */
const FEW = 16;
export const MOST_LOOKED_AT = 200;

/**
 * The waiters of this process for one lock at one node, in the order in which they came.
 *
 * The node keeps them in the same order, and takes them out of its queue only from the front. So the first waiters tell for all: as
 * long as they are in the queue, so are those behind them.
 */
export class NodeQueue {
  readonly #waiters = new Set<QueueEntry>();
  #left = 0;
  /** When the last question was sent that the node has answered, on the monotonic clock, ms. */
  #lookedAt: number;
  #doubtedAt = -Infinity;
  /** The longest that the lock was still held at that look, ms, where known. */
  remaining: number | undefined;
  #looking: Promise<void> | undefined;

  constructor(
    readonly key: string,
    /** The number of the node. */
    readonly node: number,
    since: number,
  ) {
    this.#lookedAt = since;
  }

  /** The look that is under way. */
  get looking(): Promise<void> | undefined {
    return this.#looking;
  }

  get empty(): boolean {
    return this.#waiters.size === 0;
  }

  add(waiter: QueueEntry): void {
    this.#waiters.add(waiter);
  }

  delete(waiter: QueueEntry): void {
    if (this.#waiters.delete(waiter)) this.#left += 1;
  }

  /**
   * The first waiters: as many as may get the lock until the next look. A waiter that was looked at shortly before its grant can take
   * the lease without asking the node again.
   */
  first(): QueueEntry[] {
    const count = Math.min(MOST_LOOKED_AT, FEW + 2 * this.#left);
    this.#left = 0;
    const first: QueueEntry[] = [];
    for (const waiter of this.#waiters) {
      if (first.length === count) break;
      if (waiter.queued) first.push(waiter);
    }
    return first;
  }

  beginLook(looking: Promise<void>): void {
    this.#looking = looking;
  }

  /** That look is over; another one may be under way. */
  endLook(looking: Promise<void>): void {
    if (this.#looking === looking) this.#looking = undefined;
  }

  /** The node has answered a question that was sent at `since`. */
  looked(since: number, pttl: number): void {
    this.#lookedAt = Math.max(this.#lookedAt, since);
    this.remaining = pttl < 0 ? undefined : pttl;
  }

  /** Messages of the node may have been missed until now. */
  doubt(now: number): void {
    this.#doubtedAt = now;
    this.#looking = undefined;
  }

  /** Whether the node has answered a question that was sent after `since`, and after the last doubt. */
  isSure(since: number): boolean {
    return this.#lookedAt > since && this.#lookedAt > this.#doubtedAt;
  }
}
