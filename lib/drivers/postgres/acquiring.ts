import { BackendUnavailableError } from '../../errors.js';
import type { Claim, Granted, Taken } from '../driver.js';
import type { Server } from './connection/index.js';
import { codeOf } from './errors/index.js';
import { TOKENS_PER_GRANT } from './schema/index.js';

/** How long the place of a waiter is kept without a new look, ms. A waiter looks at least once a second. */
const PLACE_KEPT = 2500;

/** A waiter that gets no notifications looks again after this many ms, or up to twice as many. */
const LOOK_EVERY = 50;

/** Another waiter is first. It may be gone; its place then stays for at most PLACE_KEPT. ms. */
const QUEUED_LOOK_EVERY = 250;

export interface Attempt {
  readonly id: string;
  /** The number of this look of a waiter; undefined for a claim that does not wait. */
  readonly look?: number;
}

/** One try for a lock, by one statement. */
export class Acquiring {
  readonly #server: Server;
  readonly #random: () => number;
  readonly #texts: Readonly<Record<'acquire' | 'share', string>>;

  constructor(server: Server, random: () => number) {
    this.#server = server;
    this.#random = random;
    const text = (name: string): string =>
      `SELECT * FROM ${server.schema}.${name}_1($1, $2, $3, $4, $5, $6, $7, $8)`;
    this.#texts = { acquire: text('acquire'), share: text('share') };
  }

  /** @throws BackendUnavailableError */
  async attempt(claim: Claim, attempt: Attempt): Promise<Granted | Taken> {
    await this.#server.mayGrant(claim.ttl);
    const { outcome, first_token: token, remaining } = await this.#ask(claim, attempt);
    switch (outcome) {
      case 'granted':
        return { granted: true, grant: grantOf(claim, attempt.id, Number(token)) };
      case 'moved':
        await this.#server.lookAgain();
        return { granted: false, retryAfter: 0 };
      case 'guarded':
        return { granted: false, retryAfter: this.#soon() };
      case 'queued':
        return { granted: false, retryAfter: this.#server.listening ? QUEUED_LOOK_EVERY : this.#soon() };
      default:
        return this.#taken(Number(remaining));
    }
  }

  async #ask(claim: Claim, { id, look }: Attempt): Promise<Readonly<Record<string, unknown>>> {
    const { key, memberId, ttl, mode } = claim;
    const text = mode === 'shared' ? this.#texts.share : this.#texts.acquire;
    const { channel, listening, timeline } = this.#server;
    const place = look === undefined ? 0 : PLACE_KEPT;
    try {
      const { rows } = await this.#server.call('acquire a lock', text, [
        key,
        id,
        memberId.replaceAll('\0', ''),
        Math.max(1, Math.floor(ttl)),
        listening ? channel : null,
        place,
        look ?? 0,
        timeline,
      ]);
      return rows[0] ?? {};
    } catch (error) {
      // A session outside this package has locked the row. The server is well, and no claim gets the lock meanwhile.
      if (error instanceof BackendUnavailableError && codeOf(error.cause) === '55P03')
        return { outcome: 'guarded' };
      throw error;
    }
  }

  #taken(remaining: number): Taken {
    const look = this.#server.listening ? remaining : Math.min(remaining, this.#soon());
    return { granted: false, retryAfter: look, remaining };
  }

  #soon(): number {
    return LOOK_EVERY * (1 + this.#random());
  }
}

/** @param token the first token that the server has drawn for it */
export function grantOf({ name, key, tokens }: Claim, id: string, token: number): Granted['grant'] {
  if (tokens === 0) return { name, key, id };
  return { name, key, id, tokens: { first: token, count: Math.min(tokens, TOKENS_PER_GRANT) } };
}
