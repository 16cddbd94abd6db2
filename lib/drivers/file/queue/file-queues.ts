import { WaiterProbe } from './waiter-probe.js';
import { FileQueue, type FileQueueContext, type FileWaiter } from './file-queue.js';

/** The waiters of this driver for each lock, and probes for the waiters of other drivers. */
export class FileQueues {
  readonly #queues = new Map<string, FileQueue>();
  readonly #inspections = new Map<string, WaiterProbe>();
  /** The waiters that were granted their lock and whose tickets are still there. */
  readonly #served = new Map<string, FileWaiter>();

  constructor(private readonly context: FileQueueContext) {}

  /** Whether this driver has a waiter for the lock. */
  has(name: string): boolean {
    return this.#queues.has(name);
  }

  /** Whether any driver has a waiter for the lock. */
  isWaitedFor(name: string): boolean {
    const { tickets } = this.context;
    return this.#queues.has(name) || tickets.lastBefore(tickets.of(name)) !== undefined;
  }

  /** A caller that does not wait was refused because of waiters: makes sure that these waiters are alive. */
  inspect(name: string): void {
    if (this.#queues.has(name) || this.#inspections.has(name)) return;
    const probe = new WaiterProbe(name, this.context, () => this.#inspections.delete(name));
    this.#inspections.set(name, probe);
  }

  join(name: string, waiter: FileWaiter): void {
    this.#letServedGo(name);
    const queue = this.#queues.get(name) ?? new FileQueue(name, this.context);
    queue.join(waiter);
    this.#queues.set(name, queue);
    this.#inspections.get(name)?.close();
    this.#inspections.delete(name);
  }

  isTurnOf(name: string, waiter: FileWaiter): boolean {
    return this.#queues.get(name)?.isTurnOf(waiter) ?? false;
  }

  foundTaken(name: string): void {
    this.#queues.get(name)?.foundTaken();
  }

  /** Removes a waiter; one that was granted its lock is removed by `serve` or `freed`. */
  leave(name: string, waiter: FileWaiter): void {
    if (this.#served.get(name) === waiter) return;
    const queue = this.#queues.get(name);
    queue?.leave(waiter);
    if (queue?.isEmpty) this.#queues.delete(name);
  }

  /**
   * A waiter was granted its lock. Its work begins before the next waiter learns that it is first now. Where both share a processor,
   * the next one would otherwise run at once, and the lock would lie idle meanwhile.
   */
  serve(name: string, waiter: FileWaiter): void {
    this.#served.set(name, waiter);
    this.context.clock.afterInput(() => {
      if (this.#served.get(name) === waiter) this.#letServedGo(name);
    });
  }

  /** A lease of this driver has ended. */
  freed(name: string): void {
    this.#letServedGo(name);
    this.#queues.get(name)?.ring();
  }

  close(): void {
    for (const queue of this.#queues.values()) queue.close();
    for (const probe of this.#inspections.values()) probe.close();
    this.#queues.clear();
    this.#inspections.clear();
    this.#served.clear();
  }

  #letServedGo(name: string): void {
    const waiter = this.#served.get(name);
    if (!waiter) return;
    this.#served.delete(name);
    this.leave(name, waiter);
  }
}
