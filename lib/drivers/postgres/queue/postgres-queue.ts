import type { Claim, QueuedWaiter, WaitQueue } from '../../driver.js';
import { PostgresWaiter, type PostgresQueueContext } from './postgres-waiter.js';

/** The waiters of this process. Their order is in the table `waiter`. */
export class PostgresQueue implements WaitQueue {
  readonly #context: PostgresQueueContext;
  readonly #waiters = new Map<string, PostgresWaiter>();

  constructor(context: PostgresQueueContext) {
    this.#context = context;
  }

  enqueue(claim: Claim, wake: () => void): QueuedWaiter {
    return new PostgresWaiter(claim, wake, this.#waiters, this.#context);
  }

  /** @param payload a waiter's id; with a lock that was handed over to it, also the token and the number of the waiter's last look */
  onNotification(payload: string): void {
    const [id = '', token, look] = payload.split(' ');
    const waiter = this.#waiters.get(id);
    if (token === undefined) waiter?.onTurn();
    else waiter?.onHandedOver(Number(token), Number(look));
  }

  /** Called when notifications may have been missed. */
  wakeAll(): void {
    for (const waiter of this.#waiters.values()) waiter.onTurn();
  }
}
