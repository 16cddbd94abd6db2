import { type Clock, type Moment, momentOf } from '../../../common/clock.js';
import type { VotingWaiter } from '../quorum/index.js';
import type { QueueEntry } from './node-queue.js';

/** The waiter to which an entry passes on what the node says. */
export interface EntryOwner {
  granted(entry: WaiterEntry, micros?: number): void;
  lost(entry: WaiterEntry): void;
}

/** One stay of a waiter in the queue of a node. A waiter that comes back has a new one, with a new id. */
export class WaiterEntry implements QueueEntry {
  /** The lock was not ours before then. */
  since: Moment;
  /** How long the node took to answer the last time, ms. */
  trip = 0;
  queued = false;
  asking: QueueEntry['asking'];
  line: QueueEntry['line'];

  constructor(
    public id: string,
    readonly key: string,
    readonly node: number,
    readonly alive: number,
    private readonly clock: Clock,
    private readonly owner: EntryOwner,
  ) {
    this.since = momentOf(clock);
  }

  granted(micros?: number): void {
    this.owner.granted(this, micros);
  }

  lost(): void {
    this.owner.lost(this);
  }

  /** How long ago it was known to wait, ms. */
  get age(): number {
    const { monotonic, wall } = momentOf(this.clock);
    return Math.max(monotonic - this.since.monotonic, wall - this.since.wall);
  }

  waiter(): VotingWaiter {
    const { id, node, alive } = this;
    return { id, node, alive };
  }

  /** The waiter that asks for the lock now that it has been granted. */
  successor(id: string): VotingWaiter {
    const { id: before, node, alive } = this;
    return { id, node, alive, before };
  }

  /** The node has answered what was sent at `since`. */
  answered(): void {
    this.trip = this.clock.monotonic() - this.since.monotonic;
  }

  waited(since: Moment): void {
    this.since = since;
    this.answered();
  }
}
