import { type Clock, type Moment, momentOf } from '../../../common/clock.js';
import type { Claim, Granted, QueuedWaiter, Taken } from '../../driver.js';
import { type Acquiring, grantOf } from '../acquiring.js';
import { newGrantIdOf } from '../grant-id.js';
import { HANDED_OVER_MS } from '../schema/index.js';
import type { PostgresLocks } from '../postgres-locks.js';

export interface PostgresQueueContext {
  readonly acquiring: Pick<Acquiring, 'attempt'>;
  readonly locks: Pick<PostgresLocks, 'leave' | 'abandon'>;
  readonly clock: Clock;
}

/** A waiter takes a lock that was handed over to it without asking the server, if at least this part of the lease surely remains. */
const ENOUGH = 1 / 2;

/**
 * One place in the queue, and the id of the acquisition that it leads to.
 *
 * A release hands the lock over to the first waiter. The notification carries the number of the last look of that waiter that the server
 * has seen. If the answer to that look was "taken", the lease began after the look was sent. So the waiter knows how long it lasts at least.
 */
export class PostgresWaiter implements QueuedWaiter {
  readonly #claim: Claim;
  readonly #wake: () => void;
  readonly #registry: Map<string, PostgresWaiter>;
  readonly #context: PostgresQueueContext;
  #id: string;
  #looks = 0;
  /** The last look with an answer, and the moment before it was sent. */
  #answered: { readonly look: number; readonly since: Moment } | undefined;
  #handedOver: { readonly token: number; readonly since: Moment } | undefined;
  #granted = false;

  constructor(
    claim: Claim,
    wake: () => void,
    registry: Map<string, PostgresWaiter>,
    context: PostgresQueueContext,
  ) {
    this.#claim = claim;
    this.#id = newGrantIdOf(claim.mode);
    this.#wake = wake;
    this.#registry = registry;
    this.#context = context;
  }

  async tryAcquire(): Promise<Granted | Taken> {
    // The grant before has been given back by now. Use a new id: an id is never used for two acquisitions.
    if (this.#granted) this.#beginAnew();
    const handedOver = this.#takeHandedOver();
    if (handedOver) return handedOver;
    const { acquiring, clock } = this.#context;
    const look = (this.#looks += 1);
    const since = momentOf(clock);
    // Register before sending: the notification may come before the answer.
    this.#registry.set(this.#id, this);
    try {
      const reply = await acquiring.attempt(this.#claim, { id: this.#id, look });
      if (reply.granted) this.#granted = true;
      else this.#answered = { look, since };
      return reply;
    } catch (error) {
      // The statement may still run, and would take the lock when no waiter is here any more.
      void this.#context.locks.abandon(this.#claim.key, this.#id);
      this.#beginAnew();
      throw error;
    }
  }

  ready(): undefined {
    return undefined;
  }

  leave(): Promise<void> | undefined {
    this.#registry.delete(this.#id);
    if (this.#granted || this.#looks === 0) return undefined;
    return this.#context.locks.leave(this.#claim.key, this.#id);
  }

  onTurn(): void {
    this.#wake();
  }

  onHandedOver(token: number, look: number): void {
    if (this.#answered?.look === look) this.#handedOver = { token, since: this.#answered.since };
    this.#wake();
  }

  #beginAnew(): void {
    this.#registry.delete(this.#id);
    this.#id = newGrantIdOf(this.#claim.mode);
    this.#looks = 0;
    this.#answered = undefined;
    this.#handedOver = undefined;
    this.#granted = false;
  }

  #takeHandedOver(): Granted | undefined {
    const handedOver = this.#handedOver;
    this.#handedOver = undefined;
    if (!handedOver) return undefined;
    const { since, token } = handedOver;
    const ms = Math.min(Math.floor(this.#claim.ttl), HANDED_OVER_MS);
    if (this.#context.clock.monotonic() - since.monotonic > ms * ENOUGH) return undefined;
    this.#granted = true;
    return {
      granted: true,
      grant: { ...grantOf(this.#claim, this.#id, token), term: { since, ms } },
    };
  }
}
