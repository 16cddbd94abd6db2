import type { Clock, Timer } from '../../../common/clock.js';
import type { NodeError } from '../errors/index.js';
import { WINDOW } from './send-window.js';

/** The most that are kept: some 30 MB. The oldest beyond these are forgotten, and end by their ttl. */
export const MOST_ORPHANED_KEYS = 100_000;

/** How many releases are on their way at once: so many that one is always ready to be sent before an acquisition. */
const AT_ONCE = 2 * WINDOW;

interface OrphanedKey {
  readonly key: string;
  /** When it was given up, on the monotonic clock, ms. */
  readonly since: number;
  /** The node has forgotten it by then, by itself. */
  readonly until: number;
}

export interface OrphanedKeysSettings {
  readonly clock: Clock;
  /** How long an acquisition may still be on its way after we gave it up, ms. */
  readonly commandTimeout: number;
  /** Sends one release, and calls back once; the error of one that failed. */
  readonly free: (key: string, id: string, onDone: (error?: NodeError) => void) => void;
  /** Some are forgotten; told once until all others have been settled. */
  readonly onTooMany: () => void;
}

/**
 * Leases that a node may hold although we gave them up, by id: freed as soon as it can be reached, and kept for as long as the
 * node may hold them.
 */
export class OrphanedKeys {
  readonly #settings: OrphanedKeysSettings;
  readonly #orphans = new Map<string, OrphanedKey>();
  #again: Timer | undefined;
  /** The round in which they are being freed; what comes from an earlier one sends nothing more. */
  #round = 0;
  /** A round is not over yet. */
  #freeing = false;
  /** The node could be reached when that was told last. */
  #reachable = false;
  #toldTooMany = false;
  #closed = false;

  constructor(settings: OrphanedKeysSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#orphans.size;
  }

  /** @param ms for how long the node may hold it at most */
  add(key: string, id: string, ms: number): void {
    if (this.#closed) return;
    const now = this.#settings.clock.monotonic();
    this.#forgetOver(now);
    // At the end, as the latest.
    this.#orphans.delete(id);
    this.#orphans.set(id, { key, since: now, until: now + ms });
    if (this.#orphans.size > MOST_ORPHANED_KEYS) this.#forgetOldest();
    // The node may be well, and refuse this one for a while.
    if (this.#reachable && !this.#freeing && !this.#again) this.#settleLater();
  }

  /**
   * Frees them all, as the node can be reached. An acquisition that is still on its way, over an older connection, is refused
   * once its time is over: until then the release is repeated.
   */
  settle(): void {
    if (this.#closed) return;
    this.#interrupt();
    this.#reachable = true;
    const { clock, commandTimeout } = this.#settings;
    const now = clock.monotonic();
    this.#forgetOver(now);
    if (this.#orphans.size > 0) this.#free([...this.#orphans.keys()], now - commandTimeout);
  }

  /** Takes all over: the caller has to free them from now on. */
  takeAll(): { readonly key: string; readonly id: string }[] {
    const all = [...this.#orphans].map(([id, { key }]) => ({ key, id }));
    this.#orphans.clear();
    return all;
  }

  /** Settles nothing any more, until the next `settle`. */
  rest(): void {
    this.#reachable = false;
    this.#interrupt();
  }

  /** Settles nothing any more: what is owed ends by its ttl. */
  close(): void {
    this.#closed = true;
    this.rest();
    this.#orphans.clear();
  }

  #interrupt(): void {
    this.#round += 1;
    this.#freeing = false;
    this.#again?.cancel();
    this.#again = undefined;
  }

  /** @param over what was given up before that, on the monotonic clock, ms, cannot be on its way any more */
  #free(ids: readonly string[], over: number): void {
    const round = this.#round;
    this.#freeing = true;
    let next = 0;
    let open = 0;
    const done = (id: string, orphan: OrphanedKey, error?: NodeError): void => {
      open -= 1;
      // What the node refuses to free is not ours any more; what it did not answer, or refuses for a while, is tried again.
      const settled = error ? error.final : orphan.since <= over;
      // It may have been given up for a second time meanwhile.
      if (settled && this.#orphans.get(id) === orphan) this.#orphans.delete(id);
      if (round !== this.#round) return;
      send();
      if (open === 0) this.#endRound();
    };
    const send = (): void => {
      while (open < AT_ONCE && next < ids.length && round === this.#round) {
        const id = ids[next] as string;
        next += 1;
        const orphan = this.#orphans.get(id);
        if (!orphan) continue;
        open += 1;
        this.#settings.free(orphan.key, id, (error) => done(id, orphan, error));
      }
    };
    send();
  }

  #endRound(): void {
    this.#freeing = false;
    this.#settleLater();
  }

  #settleLater(): void {
    if (this.#orphans.size === 0) {
      this.#toldTooMany = false;
      return;
    }
    const { clock, commandTimeout } = this.#settings;
    this.#again ??= clock.setTimer(commandTimeout, () => this.settle(), 'background');
  }

  #forgetOldest(): void {
    const [oldest] = this.#orphans.keys();
    if (oldest !== undefined) this.#orphans.delete(oldest);
    if (!this.#toldTooMany) this.#settings.onTooMany();
    this.#toldTooMany = true;
  }

  /** The oldest come first. */
  #forgetOver(now: number): void {
    for (const [id, { until }] of this.#orphans) {
      if (until > now) break;
      this.#orphans.delete(id);
    }
  }
}
