import type { HandedOnGrant } from './grant-hand-off.js';
import { LocalQueue } from './local-queue.js';

/** As many empty queues are kept: a lock that is taken in a loop makes none. */
const FEW_QUEUES = 100;

/** The queue of each lock that this process wants or holds. */
export class LocalQueues {
  readonly #queues = new Map<string, LocalQueue>();
  /** What is still under way for callers that have gone. */
  readonly #leftovers = new Set<Promise<void>>();

  /** @param giveBack gives back a grant that was handed on and found no waiter; never rejects */
  constructor(private readonly giveBack: (handedOn: HandedOnGrant) => Promise<void>) {}

  /** @param key of the lock in the back end */
  of(key: string): LocalQueue {
    let queue = this.#queues.get(key);
    if (!queue) this.#queues.set(key, (queue = new LocalQueue(key)));
    return queue;
  }

  /** The call that had the first place has gone. */
  leave(queue: LocalQueue): void {
    queue.leave();
    if (!queue.idle) return;
    queue.noteOutage(undefined);
    if (this.#queues.size > FEW_QUEUES && this.#queues.get(queue.key) === queue)
      this.#queues.delete(queue.key);
    // The waiter that was to have the grant has gone.
    const handedOn = queue.takeHandedOn();
    if (handedOn) this.#finishLater(this.giveBack(handedOn));
  }

  /** The next waiter of this process may not ask for the lock while an abandoned try for it is under way. */
  leaveAfter(leftover: Promise<void> | undefined, queue: LocalQueue): void {
    if (!leftover) return this.leave(queue);
    this.#finishLater(leftover.then(() => this.leave(queue)));
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#leftovers);
  }

  #finishLater(leftover: Promise<void>): void {
    const done = leftover.finally(() => this.#leftovers.delete(done));
    this.#leftovers.add(done);
  }
}
