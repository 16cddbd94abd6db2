import { Backoff } from '../../../common/backoff.js';
import type { Clock, Timer } from '../../../common/clock.js';
import type { PgResult } from './pg-client.js';

/** The pause between two walks over the tables, ms. */
const BETWEEN_WALKS = 3_600_000;

/** The pause between two calls of a walk, ms: acquisitions pass meanwhile. */
const BETWEEN_CALLS = 100;

/** The first pause after a call that failed, ms. */
const AFTER_FAILURE = 60_000;

/** Each walks over its tables by their primary key. It takes the last key of the call before, and returns its own, or null at the end. */
const FUNCTIONS = ['purge_locks_1', 'purge_records_1'];

export interface PurgeContext {
  readonly clock: Clock;
  readonly random: () => number;
  /** As SQL writes it. */
  readonly schema: string;
  readonly call: (what: string, text: string, values: readonly unknown[]) => Promise<PgResult>;
}

/** Deletes the rows that are not used any more: a walk over the tables each hour, in calls that look at a few rows each. */
export class Purge {
  readonly #context: PurgeContext;
  readonly #backoff: Backoff;
  /** The function of the next call, as an index, and the last key that it has looked at. */
  #at = 0;
  #last: unknown = null;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(context: PurgeContext) {
    this.#context = context;
    this.#backoff = new Backoff({ first: AFTER_FAILURE, longest: BETWEEN_WALKS });
  }

  start(): void {
    this.#callIn(BETWEEN_WALKS);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #callIn(pause: number): void {
    if (this.#stopped) return;
    const { clock, random } = this.#context;
    this.#timer = clock.setTimer(pause * (0.5 + random()), () => void this.#step(), 'background');
  }

  async #step(): Promise<void> {
    this.#callIn(await this.#purge());
  }

  /** @returns the pause after the call, ms; never rejects */
  async #purge(): Promise<number> {
    const { schema, call } = this.#context;
    try {
      const text = `SELECT ${schema}.${FUNCTIONS[this.#at]}($1) AS last`;
      const { rows } = await call('delete what is not used', text, [this.#last]);
      this.#last = rows[0]?.['last'] ?? null;
    } catch {
      // The next call goes on at the same key: what the lost one has deleted is not found again.
      return this.#backoff.next();
    }
    this.#backoff.reset();
    if (this.#last !== null) return BETWEEN_CALLS;
    this.#at = (this.#at + 1) % FUNCTIONS.length;
    return this.#at === 0 ? BETWEEN_WALKS : BETWEEN_CALLS;
  }
}
