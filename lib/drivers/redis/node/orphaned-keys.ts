import type { Clock, Timer } from '../../../common/clock.js';
import type { NodeError } from '../errors/index.js';
import { WINDOW } from './send-window.js';

/** The most keys that are remembered: some 30 MB. The oldest ones beyond that are forgotten, and end by their ttl. */
export const MOST_ORPHANED_KEYS = 100_000;

/** How many releases are under way at once: enough that one is always ready to be sent before an acquisition. */
const AT_ONCE = 2 * WINDOW;

interface OrphanedKey {
  readonly key: string;
  /** When it was given up, on the monotonic clock, ms. */
  readonly since: number;
  /** By then the node has forgotten it by itself. */
  readonly until: number;
}

export interface OrphanedKeysSettings {
  readonly clock: Clock;
  /** How long an acquisition may still be under way after the caller gave it up, ms. */
  readonly commandTimeout: number;
  /** Sends one release, and calls back once; with the error if it failed. */
  readonly free: (key: string, id: string, onDone: (error?: NodeError) => void) => void;
  /** Called when keys are forgotten; once until all others are settled. */
  readonly onTooMany: () => void;
}

/**
 * Leases, by id, that a node may hold although their callers gave them up. They are freed as soon as the node can be reached, and
 * remembered for as long as the node may hold them.
 */
export class OrphanedKeys {
  readonly #settings: OrphanedKeysSettings;
  readonly #orphans = new Map<string, OrphanedKey>();
  #again: Timer | undefined;
  /** The number of the present round of releases. An answer to an earlier round sends no further release. */
  #round = 0;
  /** A round is not over yet. */
  #freeing = false;
  /** Whether the node could be reached when that was last reported. */
  #reachable = false;
  #toldTooMany = false;
  #closed = false;

  constructor(settings: OrphanedKeysSettings) {
    this.#settings = settings;
  }

  get size(): number {
    return this.#orphans.size;
  }

  /** @param ms how long the node may hold it at most */
  add(key: string, id: string, ms: number): void {
    if (this.#closed) return;
    const now = this.#settings.clock.monotonic();
    this.#forgetOver(now);
    // Move it to the end, as the latest.
    this.#orphans.delete(id);
    this.#orphans.set(id, { key, since: now, until: now + ms });
    if (this.#orphans.size > MOST_ORPHANED_KEYS) this.#forgetOldest();
    // The node may be well, and have refused only this release for a while.
    if (this.#reachable && !this.#freeing && !this.#again) this.#settleLater();
  }

  /**
   * Frees all keys now that the node can be reached. An acquisition may still be under way over an older connection; the node refuses it
   * once its time is over. The release is repeated until then.
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

  /** Hands all keys over: the caller has to free them from now on. */
  takeAll(): { readonly key: string; readonly id: string }[] {
    const all = [...this.#orphans].map(([id, { key }]) => ({ key, id }));
    this.#orphans.clear();
    return all;
  }

  /** Frees nothing more until the next `settle`. */
  rest(): void {
    this.#reachable = false;
    this.#interrupt();
  }

  /** Frees nothing more: the remaining keys end by their ttl. */
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

  /** @param over an acquisition that was given up before this moment, on the monotonic clock, ms, cannot be under way any more */
  #free(ids: readonly string[], over: number): void {
    const round = this.#round;
    this.#freeing = true;
    let next = 0;
    let open = 0;
    const done = (id: string, orphan: OrphanedKey, error?: NodeError): void => {
      open -= 1;
      // A final refusal means that the key is not ours any more. Without an answer, or refused for a while, it is tried again.
      const settled = error ? error.final : orphan.since <= over;
      // The key may have been given up for a second time meanwhile.
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

  /** Relies on the order of the map: the oldest keys come first. */
  #forgetOver(now: number): void {
    for (const [id, { until }] of this.#orphans) {
      if (until > now) break;
      this.#orphans.delete(id);
    }
  }
}
