import type { Timer } from '../../../common/clock.js';
import type { DriverContext, Watch } from '../../driver.js';
import type { Server } from '../connection/index.js';

/** How long an entry in the table `watcher` is valid, and how often it is renewed, ms. */
const [WATCHED_FOR, RENEWED_EVERY] = [60_000, 20_000];

/** How often the records are read where no notification comes, ms. */
const LOOK_EVERY = 250;

interface Watched {
  readonly listeners: Set<() => void>;
  /** What the last look has found. */
  seen?: unknown;
}

/** The listeners for changes of records. This process is in the table `watcher` as long as it has a listener. */
export class RecordWatches {
  readonly #server: Server;
  readonly #context: DriverContext;
  readonly #spaces = new Map<string, Watched>();
  #renewal: Timer | undefined;
  #look: Timer | undefined;
  #stopped = false;

  constructor(server: Server, context: DriverContext) {
    this.#server = server;
    this.#context = context;
  }

  watch(space: string, onChange: () => void): Watch {
    // One wrapper for each call, so that the same function may be given twice.
    const listener = (): void => onChange();
    const watched: Watched = this.#spaces.get(space) ?? { listeners: new Set() };
    watched.listeners.add(listener);
    let ready = Promise.resolve();
    if (!this.#stopped) {
      this.#spaces.set(space, watched);
      ready = this.#announce(space);
      this.#renewLater();
      this.#lookLater();
    }
    const end = (): void => {
      watched.listeners.delete(listener);
      if (watched.listeners.size > 0 || this.#spaces.get(space) !== watched) return;
      this.#spaces.delete(space);
      if (!this.#stopped) void this.#withdraw(space);
    };
    return { ready, [Symbol.dispose]: end };
  }

  tell(space: string): void {
    for (const listener of this.#spaces.get(space)?.listeners ?? []) listener();
  }

  /** The connection was replaced; changes may have been missed meanwhile. */
  renew(): void {
    for (const space of this.#spaces.keys()) {
      void this.#announce(space);
      this.tell(space);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#spaces.clear();
    this.#renewal?.cancel();
    this.#look?.cancel();
  }

  async #announce(space: string): Promise<void> {
    const { schema, channel } = this.#server;
    await this.#quietly(
      `INSERT INTO ${schema}.watcher (space, channel, alive_until) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 ms')
        ON CONFLICT (space, channel) DO UPDATE SET alive_until = excluded.alive_until`,
      [space, channel, WATCHED_FOR],
    );
  }

  async #withdraw(space: string): Promise<void> {
    const { schema, channel } = this.#server;
    await this.#quietly(`DELETE FROM ${schema}.watcher WHERE space = $1 AND channel = $2`, [space, channel]);
  }

  /** A failure needs no handling: the next renewal writes the entry again, or the entry expires. */
  async #quietly(text: string, values: readonly unknown[]): Promise<readonly unknown[]> {
    const result = await this.#server.keepUp('watch records', text, values).catch(() => undefined);
    return result?.rows ?? [];
  }

  #renewLater(): void {
    this.#renewal ??= this.#context.clock.setTimer(
      RENEWED_EVERY,
      () => {
        this.#renewal = undefined;
        for (const space of this.#spaces.keys()) void this.#announce(space);
        if (this.#spaces.size > 0) this.#renewLater();
      },
      'background',
    );
  }

  #lookLater(): void {
    this.#look ??= this.#context.clock.setTimer(
      LOOK_EVERY,
      () => {
        this.#look = undefined;
        if (!this.#server.listening) for (const space of this.#spaces.keys()) void this.#lookAt(space);
        if (this.#spaces.size > 0) this.#lookLater();
      },
      'background',
    );
  }

  async #lookAt(space: string): Promise<void> {
    const [row] = await this.#quietly(
      `SELECT md5(coalesce(string_agg(key || ' ' || version || ' ' || value, ',' ORDER BY key), '')) AS seen
        FROM ${this.#server.schema}.record WHERE space = $1 AND expires_at > clock_timestamp()`,
      [space],
    );
    const watched = this.#spaces.get(space);
    if (!watched || typeof row !== 'object' || row === null || !('seen' in row)) return;
    const { seen } = row;
    // The first look counts as a change too: what happened before it is unknown.
    const changed = watched.seen !== seen;
    watched.seen = seen;
    if (changed) this.tell(space);
  }
}
