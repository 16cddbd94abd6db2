import type { Clock, Timer } from '../../common/clock.js';
import {
  type Claim,
  type Downgrade,
  type Grant,
  type Granted,
  type Holder,
  type LockStore,
  type Loss,
  type RenewOutcome,
  type Taken,
  TRUSTED_MS,
} from '../driver.js';
import type { Acquiring } from './acquiring.js';
import type { Server } from './connection/index.js';
import { unavailable } from './errors/index.js';
import { isShare, shareOf } from '../share-id.js';
import { newGrantIdOf } from './grant-id.js';
import { keyOf, nameOf } from './names.js';
import { SHARED } from './schema/index.js';

const LOSSES: Readonly<Record<string, Loss>> = {
  expired: { reason: 'expired', message: 'its time had run out before the renewal came' },
  'taken-over': { reason: 'taken-over', message: 'another member holds the lock by now' },
  broken: { reason: 'broken', message: 'the lock was broken, or its row deleted' },
};

/** After this many ms a statement without an answer has run or never will, unless its server is stopped for longer. */
const LATE = 2000;

/** The most acquisitions that are remembered until the server can be asked to give them back. The leases of others end by their ttl. */
const MOST_LEFT = 1000;

/** How often a downgrade checks whether the transaction under its lease is over, ms. */
const GUARDED_LOOK_EVERY = 50;

/** The function that ends the lease, or the share, with this id. */
function releaseOf(id: string): string {
  return isShare(id) ? 'release_share_1' : 'release_1';
}

/** The locks of this driver: rows of the tables `lease` and `share`. */
export class PostgresLocks implements LockStore {
  readonly #server: Server;
  readonly #acquiring: Acquiring;
  readonly #clock: Clock;
  /** Acquisitions whose caller has gone and whose outcome is unknown: from the id to the lock's key. */
  readonly #left = new Map<string, string>();
  #again: Timer | undefined;

  constructor(server: Server, acquiring: Acquiring, clock: Clock) {
    this.#server = server;
    this.#acquiring = acquiring;
    this.#clock = clock;
  }

  readonly keyOf = keyOf;

  async acquire(claim: Claim): Promise<Granted | Taken> {
    const id = newGrantIdOf(claim.mode);
    try {
      return await this.#acquiring.attempt(claim, { id });
    } catch (error) {
      // The server may have granted the lock, or may still grant it.
      void this.abandon(claim.key, id);
      throw error;
    }
  }

  async renew(grants: readonly Grant[], ttl: number): Promise<readonly RenewOutcome[]> {
    const [shares, others] = [
      grants.filter(({ id }) => isShare(id)),
      grants.filter(({ id }) => !isShare(id)),
    ];
    const [ofShares, ofOthers] = await Promise.all([
      this.#renewBy('renew_shares_1', shares, ttl),
      this.#renewBy('renew_1', others, ttl),
    ]);
    const [share, other] = [ofShares.values(), ofOthers.values()];
    return grants.map(({ id }) => (isShare(id) ? share : other).next().value!);
  }

  async #renewBy(by: string, grants: readonly Grant[], ttl: number): Promise<readonly RenewOutcome[]> {
    if (grants.length === 0) return [];
    const names = grants.map(({ key }) => key);
    const ids = grants.map(({ id }) => id);
    const text = `SELECT ${this.#server.schema}.${by}($1, $2, $3) AS outcomes`;
    const { rows } = await this.#server.keepUp('renew leases', text, [names, ids, Math.floor(ttl)]);
    const outcomes = rows[0]?.['outcomes'] as readonly string[];
    return outcomes.map((outcome) => this.#renewal(outcome));
  }

  async release({ key, id }: Grant, keepFor = 0): Promise<boolean> {
    const { schema, timeline } = this.#server;
    const text = `SELECT ${schema}.${releaseOf(id)}($1, $2, $3, $4) AS held`;
    try {
      const values = [key, id, Math.ceil(keepFor), timeline];
      const { rows } = await this.#server.call('release a lock', text, values);
      return rows[0]?.['held'] === true;
    } catch (error) {
      // A lock that should stay blocked for a while is not freed: it stays blocked until its own ttl ends.
      if (keepFor === 0) this.#giveBackLater(key, id);
      throw error;
    }
  }

  downgrade({ name, key, id, tokens }: Grant, ttl: number): Downgrade {
    const share = shareOf(id);
    return {
      grant: tokens ? { name, key, id: share, tokens } : { name, key, id: share },
      done: this.#downgrade(key, id, share, ttl),
    };
  }

  /** While a transaction under the lease is open, the lock cannot be shared. It then asks again, until `ttl` is over. */
  async #downgrade(key: string, id: string, share: string, ttl: number): Promise<boolean> {
    const text = `SELECT ${this.#server.schema}.downgrade_1($1, $2, $3, $4) AS outcome`;
    const until = this.#clock.monotonic() + ttl;
    for (;;) {
      const { rows } = await this.#server.call('share a lock', text, [key, id, share, Math.floor(ttl)]);
      const outcome = rows[0]?.['outcome'];
      if (outcome !== 'guarded') return outcome === 'done';
      if (this.#clock.monotonic() >= until)
        throw unavailable(
          this.#server.name,
          'share a lock',
          new Error('a transaction under its lease is still open'),
        );
      await this.#after(GUARDED_LOOK_EVERY);
    }
  }

  async holders(name: string, key = keyOf(name)): Promise<readonly Holder[]> {
    const found = await this.#holders('AND name = $1', [key]);
    return found.map((holder) => ({ ...holder, name }));
  }

  /** The lock stays blocked for a while afterwards, as the holder learns of it only by its next renewal. */
  async revoke({ key, id }: Holder): Promise<boolean> {
    const text = `SELECT ${this.#server.schema}.${releaseOf(id)}($1, $2, $3, NULL) AS held`;
    const { rows } = await this.#server.call('break a lock', text, [key, id, TRUSTED_MS]);
    if (rows[0]?.['held'] !== true) return false;
    await this.#after(TRUSTED_MS);
    return true;
  }

  async list(): Promise<readonly Holder[]> {
    return this.#holders('', []);
  }

  /**
   * Gives up an acquisition whose caller has gone: its place in the queue, and the lease that it has or gets when its statement runs late.
   * Never rejects: a failed attempt is repeated when the server can be asked.
   */
  async leave(key: string, id: string): Promise<void> {
    const { schema, timeline } = this.#server;
    const text = `SELECT ${schema}.leave_1($1, $2, $3)`;
    await this.#server.call('leave a queue', text, [key, id, timeline]).then(
      () => this.#left.delete(id),
      () => this.#giveBackLater(key, id),
    );
  }

  /** As {@link leave}, after a statement without an answer: that one may run after the first attempt to undo it. */
  abandon(key: string, id: string): Promise<void> {
    this.#clock.setTimer(LATE, () => void this.leave(key, id), 'background');
    return this.leave(key, id);
  }

  /** Called when a connection was replaced. */
  giveBackLeft(): void {
    if (this.#server.up) for (const [id, key] of this.#left) void this.leave(key, id);
  }

  #giveBackLater(key: string, id: string): void {
    if (this.#left.size < MOST_LEFT) this.#left.set(id, key);
    // The server may have refused only that statement. Then no change of connection tells when to repeat it, so a timer does.
    if (this.#again) return;
    this.#again = this.#clock.setTimer(
      LATE,
      () => {
        this.#again = undefined;
        this.giveBackLeft();
      },
      'background',
    );
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.setTimer(ms, resolve));
  }

  async #holders(where: string, values: readonly unknown[]): Promise<readonly Holder[]> {
    const { schema } = this.#server;
    const { rows } = await this.#server.call(
      'read the holders',
      `SELECT name, holder, member FROM ${schema}.lease
        WHERE holder IS NOT NULL AND holder NOT IN ('-', '${SHARED}') AND expires_at > clock_timestamp() ${where}
        UNION ALL SELECT x.name, x.id, x.member FROM ${schema}.share x JOIN ${schema}.lease l ON l.name = x.name AND l.holder = '${SHARED}'
        WHERE x.expires_at > clock_timestamp() AND x.id NOT LIKE '-%' ${where.replace('name', 'x.name')}`,
      values,
    );
    return rows.map(({ name, holder, member }) => ({
      name: nameOf(String(name)),
      key: String(name),
      id: String(holder),
      memberId: String(member),
      holds: 'yes',
    }));
  }

  #renewal(outcome: string): RenewOutcome {
    if (outcome === 'renewed') return { kind: 'renewed' };
    const loss = LOSSES[outcome];
    if (loss) return { kind: 'lost', loss };
    return { kind: 'failed', error: new Error(`${this.#server.name} has the row locked by another session`) };
  }
}
