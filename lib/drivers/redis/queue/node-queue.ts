import type { Slot } from '../../../common/bag.js';
import type { Moment } from '../../../common/clock.js';

/** A waiter in the queue of a node, or about to enter it. */
export interface QueueEntry {
  readonly id: string;
  readonly key: string;
  /** The number of the node. */
  readonly node: number;
  /** The node has said so, and nothing else is under way for it. */
  readonly queued: boolean;
  /** The lock was not its own before. */
  readonly since: Moment;
  /** Its place among those that ask, until the node has said so for the first time. */
  readonly asking: Slot<QueueEntry> | undefined;
  /** Where it stands from then on. */
  readonly line: NodeQueue | undefined;
  /** Called by the {@link Waiters} alone. */
  asks(place: Slot<QueueEntry> | undefined): void;
  /** Called by the {@link Waiters} alone. */
  stands(line: NodeQueue | undefined): void;
  /** Called by the {@link Waiters} alone. */
  rename(id: string): void;
  /** The node has granted it the lock, at its time in µs where that is known, and told so by a message. */
  granted(micros?: number): void;
  /** It still waited after `since`. */
  waited(since: Moment): void;
  /** It is in the queue no more. */
  lost(): void;
}

/** How many waiters of a lock are looked at, beside those that have left since the last look, and at most. */
const FEW = 16;
export const MOST_LOOKED_AT = 200;

/**
 * The waiters of this process for one lock at one node, in the order in which they came.
 *
 * The node keeps them in the same order, and takes them out of its queue from the front only. So the first of them tell for all:
 * as long as they are in the queue, so are those behind.
 */
export class NodeQueue {
  readonly #waiters = new Set<QueueEntry>();
  #left = 0;
  /** When the node was last asked what it has answered since, on the monotonic clock, ms. */
  #lookedAt: number;
  #doubtedAt = -Infinity;
  /** For how long the lock was held then at most, ms, where known. */
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

  /** A look that is under way. */
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
   * The first waiters: so many as may get the lock until the next look. A waiter that is looked at shortly before it is
   * granted the lock has a lease at once.
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

  /** That look is under way no more; another one may be. */
  endLook(looking: Promise<void>): void {
    if (this.#looking === looking) this.#looking = undefined;
  }

  /** The node has answered what it was asked at `since`. */
  looked(since: number, pttl: number): void {
    this.#lookedAt = Math.max(this.#lookedAt, since);
    this.remaining = pttl < 0 ? undefined : pttl;
  }

  /** What the node has told until now may have been missed. */
  doubt(now: number): void {
    this.#doubtedAt = now;
    this.#looking = undefined;
  }

  /** Whether the node was asked after `since`, and there is no doubt. */
  isSure(since: number): boolean {
    return this.#lookedAt > since && this.#lookedAt > this.#doubtedAt;
  }
}
