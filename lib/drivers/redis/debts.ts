import type { Clock, Timer } from '../../common/clock.js';
import type { RedisClient } from './clients.js';
import { LockKeys } from './lock-keys.js';
import { cleanError } from './node-error.js';
import { sendScript } from './script.js';
import { RELEASE } from './scripts.js';

/** The oldest beyond these are forgotten, and end by their ttl. */
const MOST_DEBTS = 1000;

/** In the place of what the node's record says: no key holds it. */
const NOBODY_NEXT = '?';

interface Debt {
  readonly key: string;
  /** When it was given up, on the monotonic clock, ms. */
  readonly since: number;
}

/** Leases that a node may hold although we gave them up, by id; freed as soon as it can be reached. */
export class Debts {
  readonly #clock: Clock;
  readonly #commandTimeout: number;
  readonly #owed = new Map<string, Debt>();
  #again: Timer | undefined;
  /** The connection that debts are settled over, while there is one. */
  #over: RedisClient | undefined;
  #closed = false;

  /** @param commandTimeout how long an acquisition may still be on its way after we gave it up, ms */
  constructor(clock: Clock, commandTimeout: number) {
    this.#clock = clock;
    this.#commandTimeout = commandTimeout;
  }

  add(key: string, id: string): void {
    this.#owed.set(id, { key, since: this.#clock.monotonic() });
    if (this.#owed.size <= MOST_DEBTS) return;
    const [oldest = id] = this.#owed.keys();
    this.#owed.delete(oldest);
  }

  /**
   * Frees them all; never rejects. An acquisition that is still on its way, over an older connection, is refused once its time is
   * over: until then the release is repeated.
   */
  async settle(client: RedisClient): Promise<void> {
    // A probe may end when its driver has been stopped.
    if (this.#closed) return;
    this.rest();
    this.#over = client;
    const over = this.#clock.monotonic() - this.#commandTimeout;
    const owed = [...this.#owed];
    await Promise.all(
      owed.map(async ([id, { key, since }]) => {
        try {
          // The next waiter is granted the lock when somebody looks, which knows the record of the node.
          await sendScript(client, RELEASE, new LockKeys(key, key).plain, [id, NOBODY_NEXT]);
          if (since <= over) this.#owed.delete(id);
        } catch (error) {
          // What the node refuses to free is not ours any more; what it did not answer is tried again.
          if (cleanError(error).answered) this.#owed.delete(id);
        }
      }),
    );
    if (this.#owed.size === 0 || this.#over !== client) return;
    const again = (): void => void this.settle(client);
    this.#again = this.#clock.setTimer(this.#commandTimeout, again, 'background');
  }

  /** Settles nothing any more, until the next `settle`. */
  rest(): void {
    this.#over = undefined;
    this.#again?.cancel();
  }

  /** Settles nothing any more: what is owed ends by its ttl. */
  close(): void {
    this.#closed = true;
    this.rest();
  }
}
