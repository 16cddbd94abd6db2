import type { BackendUnavailableError } from '../../errors.js';
import type { HandedOnGrant } from './grant-hand-off.js';

/** A place in a {@link LocalQueue}. */
interface LocalWaiter {
  readonly admit: () => void;
}

export interface Outage {
  readonly since: number;
  readonly error: BackendUnavailableError;
}

/**
 * A queue in order of arrival with one call inside at a time: a call that enters keeps the place until `leave`.
 * One such queue stands in front of each lock, so that a process has one contender per lock.
 */
export class LocalQueue {
  #occupied = false;
  /** Made for the first waiter: most locks never have one. */
  #waiters?: Set<LocalWaiter>;
  #outage?: Outage | undefined;
  #handedOn?: HandedOnGrant | undefined;
  #takenUntil = 0;

  /** @param key of the lock, where the queue is that of a lock */
  constructor(readonly key = '') {}

  /**
   * The outage that the call inside meets: since when, on the monotonic clock in ms, and the last error. Kept for the waiters
   * behind it, each of which would otherwise count the outage from the start again.
   */
  get outage(): Outage | undefined {
    return this.#outage;
  }

  /** @param outage undefined when the back end has answered */
  noteOutage(outage: Outage | undefined): void {
    this.#outage = outage;
  }

  /**
   * How long the present holder's lease lasts, ms, as far as the call inside knows. Waiters that are refused behind it report it.
   * @param now on the monotonic clock, ms
   */
  remainingAt(now: number): number | undefined {
    return this.#takenUntil > now ? this.#takenUntil - now : undefined;
  }

  /** @param until on the monotonic clock, ms; 0 when that is not known */
  noteTaken(until: number): void {
    this.#takenUntil = until;
  }

  /** The call inside goes out, and leaves a grant for the next waiter. */
  handOn(grant: HandedOnGrant): void {
    this.#handedOn = grant;
  }

  /** Takes the grant that the call before has left. */
  takeHandedOn(): HandedOnGrant | undefined {
    const grant = this.#handedOn;
    this.#handedOn = undefined;
    return grant;
  }

  /** True when no call is inside or waiting. */
  get idle(): boolean {
    return !this.#occupied;
  }

  /** How many calls wait. */
  get length(): number {
    return this.#waiters?.size ?? 0;
  }

  /** Enters if no call is inside; never waits. */
  tryEnter(): boolean {
    if (this.#occupied) return false;
    this.#occupied = true;
    return true;
  }

  /**
   * Enters the queue. `admit` is called, with the place already taken, when it is this waiter's turn.
   * The returned function gives the place in the queue up; after `admit` it does nothing.
   */
  join(admit: () => void): () => void {
    const waiter: LocalWaiter = { admit };
    const waiters = (this.#waiters ??= new Set());
    waiters.add(waiter);
    return () => {
      waiters.delete(waiter);
    };
  }

  /** Gives the place to the next waiter. */
  leave(): void {
    if (this.#waiters)
      for (const next of this.#waiters) {
        this.#waiters.delete(next);
        next.admit();
        return;
      }
    this.#occupied = false;
  }
}

/** So many queues are kept when they are empty: a lock that is taken in a loop makes no new one. */
const FEW_QUEUES = 100;

/** The queue of each lock that this process wants or holds. */
export class LocalQueues {
  readonly #queues = new Map<string, LocalQueue>();
  /** Work that is still under way for callers that have gone. */
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
