import { Bag } from '../../../common/bag.js';
import { NodeQueue, type QueueEntry } from './node-queue.js';

/**
 * All waiters of this process at the nodes, by their ids and by what they wait for.
 *
 * Most who ask get the lock at once. They are not entered by their ids, which costs more than all else here, but kept
 * where they are looked for one by one: there are only as many as commands on their way.
 */
export class Waiters {
  readonly #asking = new Bag<QueueEntry>();
  readonly #queued = new Map<string, QueueEntry>();
  /** By the number of the node, and by the lock's key. */
  readonly #lines: Map<string, NodeQueue>[] = [];
  #latest: QueueEntry | undefined;

  /** How many have been queued. */
  get queued(): number {
    return this.#queued.size;
  }

  /** How many locks are waited for; at several nodes each counts. */
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
    waiter.asking = this.#asking.add(waiter);
    if (before?.asking && before.key === key && before.node === node) return true;
    return this.queued > 0 && this.#lines[node]?.has(key) === true;
  }

  /** The node has it in its queue, or has granted it the lock. */
  enter(waiter: QueueEntry): void {
    this.#doneAsking(waiter);
    this.#queued.set(waiter.id, waiter);
    if (waiter.line) return;
    const { key, node, since } = waiter;
    const lines = (this.#lines[node] ??= new Map());
    let line = lines.get(key);
    if (!line) lines.set(key, (line = new NodeQueue(key, node, since.monotonic)));
    line.add(waiter);
    waiter.line = line;
  }

  /** False when it was not there, or had not been queued. */
  remove(waiter: QueueEntry): boolean {
    this.#doneAsking(waiter);
    // Most locks have no waiter.
    const { line } = waiter;
    if (!line) return false;
    this.#queued.delete(waiter.id);
    waiter.line = undefined;
    line.delete(waiter);
    if (line.empty) this.#lines[line.node]?.delete(line.key);
    return true;
  }

  /** The node has it under another id now. */
  rename(waiter: QueueEntry, id: string): void {
    this.#queued.delete(waiter.id);
    waiter.id = id;
    this.enter(waiter);
  }

  /** The one that has been queued under this id. */
  byId(id: string): QueueEntry | undefined {
    return this.#queued.get(id);
  }

  find(id: string): QueueEntry | undefined {
    return this.byId(id) ?? this.#asking.items().find((waiter) => waiter.id === id);
  }

  /** Those of whom the node has said so. */
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
    waiter.asking = undefined;
  }
}
