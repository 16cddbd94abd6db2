import { Bag } from '../../../common/bag.js';
import { type Clock, type Moment, momentOf } from '../../../common/clock.js';
import type { VotingWaiter } from '../quorum/index.js';
import { NodeQueue, type QueueEntry } from './node-queue.js';

/**
 * All waiters of this process at the nodes, by their ids and by node and lock.
 *
 * Most claims get the lock at once. A map by id would cost them more than all else here, so waiters that still ask are kept in a bag and
 * searched one by one: there are only as many as commands under way.
 */
export class Waiters {
  readonly #asking = new Bag<QueueEntry>();
  readonly #queued = new Map<string, QueueEntry>();
  /** By the number of the node, and by the lock's key. */
  readonly #lines: Map<string, NodeQueue>[] = [];
  #latest: QueueEntry | undefined;

  /** How many waiters have been queued. */
  get queued(): number {
    return this.#queued.size;
  }

  /** How many locks have waiters; a lock counts once for each node. */
  get lines(): number {
    return this.#lines.reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Called before the waiter asks the node: the message may be faster than the reply.
   * @returns whether another waiter of this process waits for the lock there, or asked for it just before
   */
  add(waiter: QueueEntry): boolean {
    const { key, node } = waiter;
    const before = this.#latest;
    this.#latest = waiter;
    waiter.asks(this.#asking.add(waiter));
    if (before?.asking && before.key === key && before.node === node) return true;
    return this.queued > 0 && this.#lines[node]?.has(key) === true;
  }

  /** The node has the waiter in its queue, or has granted it the lock. */
  enter(waiter: QueueEntry): void {
    this.#doneAsking(waiter);
    this.#queued.set(waiter.id, waiter);
    if (waiter.line) return;
    const { key, node, since } = waiter;
    const lines = (this.#lines[node] ??= new Map());
    let line = lines.get(key);
    if (!line) lines.set(key, (line = new NodeQueue(key, node, since.monotonic)));
    line.add(waiter);
    waiter.stands(line);
  }

  /** Returns false when the waiter had not been queued. */
  remove(waiter: QueueEntry): boolean {
    this.#doneAsking(waiter);
    // Most locks have no waiter.
    const { line } = waiter;
    if (!line) return false;
    this.#queued.delete(waiter.id);
    waiter.stands(undefined);
    line.delete(waiter);
    if (line.empty) this.#lines[line.node]?.delete(line.key);
    return true;
  }

  /** The node has the waiter under another id now. */
  rename(waiter: QueueEntry, id: string): void {
    this.#queued.delete(waiter.id);
    waiter.rename(id);
    this.enter(waiter);
  }

  /** The waiter that was queued under this id. */
  byId(id: string): QueueEntry | undefined {
    return this.#queued.get(id);
  }

  find(id: string): QueueEntry | undefined {
    return this.byId(id) ?? this.#asking.items().find((waiter) => waiter.id === id);
  }

  /** The waiters that the node has confirmed to be in its queue. */
  queuedOnes(): QueueEntry[] {
    return [...this.#queued.values()].filter((waiter) => waiter.queued);
  }

  linesAt(node: number): NodeQueue[] {
    return [...(this.#lines[node]?.values() ?? [])];
  }

  clear(): void {
    this.#queued.clear();
    this.#lines.length = 0;
    this.#latest = undefined;
  }

  #doneAsking(waiter: QueueEntry): void {
    if (!waiter.asking) return;
    this.#asking.remove(waiter.asking);
    waiter.asks(undefined);
  }
}

/** The waiter behind an entry: it learns what the node says. */
export interface EntryOwner {
  granted(entry: WaiterEntry, micros?: number): void;
  lost(entry: WaiterEntry): void;
}

/** One stay of a waiter in the queue of a node. A waiter that comes back has a new one, with a new id. */
export class WaiterEntry implements QueueEntry {
  #id: string;
  #since: Moment;
  #trip = 0;
  #queued = false;
  #asking: QueueEntry['asking'];
  #line: QueueEntry['line'];

  constructor(
    id: string,
    readonly key: string,
    readonly node: number,
    readonly alive: number,
    private readonly clock: Clock,
    private readonly owner: EntryOwner,
  ) {
    this.#id = id;
    this.#since = momentOf(clock);
  }

  get id(): string {
    return this.#id;
  }

  /** A moment at which the lock was not yet ours. */
  get since(): Moment {
    return this.#since;
  }

  /** How long the node took for its last answer, ms. */
  get trip(): number {
    return this.#trip;
  }

  get queued(): boolean {
    return this.#queued;
  }

  get asking(): QueueEntry['asking'] {
    return this.#asking;
  }

  get line(): QueueEntry['line'] {
    return this.#line;
  }

  asks(place: QueueEntry['asking']): void {
    this.#asking = place;
  }

  stands(line: QueueEntry['line']): void {
    this.#line = line;
  }

  rename(id: string): void {
    this.#id = id;
  }

  /** @param queued false while another command is under way for it */
  waits(queued: boolean): void {
    this.#queued = queued;
  }

  granted(micros?: number): void {
    this.owner.granted(this, micros);
  }

  lost(): void {
    this.owner.lost(this);
  }

  /** How long ago the waiter was last known to wait, ms. */
  get age(): number {
    const { monotonic, wall } = momentOf(this.clock);
    return Math.max(monotonic - this.#since.monotonic, wall - this.#since.wall);
  }

  waiter(): VotingWaiter {
    const { id, node, alive } = this;
    return { id, node, alive };
  }

  /** The terms of the next try, under a new id, now that the node has granted the lock to the present one. */
  successor(id: string): VotingWaiter {
    const { id: before, node, alive } = this;
    return { id, node, alive, before };
  }

  /** The node has answered a question that was sent at `since`. */
  answered(): void {
    this.#trip = this.clock.monotonic() - this.#since.monotonic;
  }

  waited(since: Moment): void {
    this.#since = since;
    this.answered();
  }
}
