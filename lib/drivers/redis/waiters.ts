import { Bag, type Slot } from '../../common/bag.js';
import type { Moment } from '../../common/clock.js';

/** One who stands in the queue of a node, or is about to. */
export interface QueuedWaiter {
  id: string;
  readonly key: string;
  /** The number of the node. */
  readonly node: number;
  /** The node has said so, and nothing else is under way for it. */
  readonly queued: boolean;
  /** Set by {@link Waiters}, until the node has said so for the first time. */
  asking?: Slot<QueuedWaiter>;
  /** The node has granted it the lock, at its time in µs where that is known, and told so by a message. */
  granted(micros?: number): void;
  /** It still waited after `since`, and the lock was then held for `pttl` ms at most. */
  waited(since: Moment, pttl: number): void;
  /** It is in the queue no more. */
  lost(): void;
}

/**
 * All who wait at the nodes, by their ids.
 *
 * Most who ask get the lock at once. They are not entered by their ids, which costs more than all else here, but kept
 * where they are looked for one by one: there are only as many as commands on their way.
 */
export class Waiters {
  readonly #asking = new Bag<QueuedWaiter>();
  readonly #queued = new Map<string, QueuedWaiter>();

  /** How many have been queued. */
  get queued(): number {
    return this.#queued.size;
  }

  get size(): number {
    return this.#queued.size + this.#asking.size;
  }

  /** Before it is sent to the node: the message may be faster than the reply. */
  add(waiter: QueuedWaiter): void {
    waiter.asking = this.#asking.add(waiter);
  }

  /** The node has it in its queue, or has granted it the lock. */
  enter(waiter: QueuedWaiter): void {
    this.#doneAsking(waiter);
    this.#queued.set(waiter.id, waiter);
  }

  /** False when it was not there, or had not been queued. */
  remove(waiter: QueuedWaiter): boolean {
    this.#doneAsking(waiter);
    // Nobody has waited for most locks.
    return this.queued > 0 && this.has(waiter) && this.#queued.delete(waiter.id);
  }

  /** The node has it under another id now. */
  rename(waiter: QueuedWaiter, id: string): void {
    this.#queued.delete(waiter.id);
    waiter.id = id;
    this.enter(waiter);
  }

  /** Whether it has been queued, and has not left since. */
  has(waiter: QueuedWaiter): boolean {
    return this.#queued.get(waiter.id) === waiter;
  }

  find(id: string): QueuedWaiter | undefined {
    return this.#queued.get(id) ?? this.#asking.items().find((waiter) => waiter.id === id);
  }

  /** Those of whom the node has said so. */
  at(node: number): QueuedWaiter[] {
    return [...this.#queued.values()].filter((waiter) => waiter.queued && waiter.node === node);
  }

  clear(): void {
    this.#queued.clear();
  }

  #doneAsking(waiter: QueuedWaiter): void {
    if (!waiter.asking) return;
    this.#asking.remove(waiter.asking);
    waiter.asking = undefined;
  }
}
