import type { Clock, Timer } from '../common/clock.js';
import { type DashboardSource, type Facts, withoutElections } from './source.js';

/** Between two polls, ms, at least. */
const PACE = 1000;
/** A back end that takes long is asked less often: at most this part of the time. */
const SHARE = 4;

/** The state after a poll. */
export interface Seen {
  /** The facts of the last poll that succeeded; undefined when none has. */
  readonly facts?: Facts;
  /** Why the last poll failed. */
  readonly problem?: Error;
}

/**
 * Asks the back end while the page has a viewer: once for all viewers, at most once a second, and not at all without a viewer.
 */
export class Poller {
  readonly #viewers = new Set<(seen: Seen) => void>();
  #seen: Seen = {};
  #askedAt = -Infinity;
  #pace = PACE;
  #pending?: Promise<Seen>;
  #timer?: Timer;

  constructor(
    private readonly source: Omit<DashboardSource, 'break'>,
    private readonly clock: Clock,
    private readonly onFacts: (facts: Facts) => void,
  ) {}

  get viewers(): number {
    return this.#viewers.size;
  }

  /**
   * Calls the viewer after each poll.
   * @returns how to stop looking
   */
  look(viewer: (seen: Seen) => void): () => void {
    this.#viewers.add(viewer);
    if (this.#isFresh()) viewer(this.#seen);
    this.#arm();
    return () => {
      this.#viewers.delete(viewer);
      if (this.#viewers.size > 0) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    };
  }

  /** The result of a poll now, or of the last one while that is fresh. */
  async latest(): Promise<Seen> {
    return this.#isFresh() ? this.#seen : this.#ask();
  }

  /** The next poll asks at once: something was changed. */
  expire(): void {
    this.#askedAt = Math.min(this.#askedAt, this.clock.monotonic() - PACE);
  }

  #isFresh(): boolean {
    return this.#pending === undefined && this.clock.monotonic() - this.#askedAt < this.#pace;
  }

  #arm(): void {
    if (this.#timer || this.#viewers.size === 0) return;
    const wait = this.#askedAt + this.#pace - this.clock.monotonic();
    this.#timer = this.clock.setTimer(Math.max(0, wait), () => void this.#turn(), 'background');
  }

  async #turn(): Promise<void> {
    const timer = this.#timer;
    const seen = await this.#ask();
    for (const viewer of this.#viewers) viewer(seen);
    // All viewers may have left meanwhile, and others come.
    if (this.#timer !== timer) return;
    this.#timer = undefined;
    this.#arm();
  }

  #ask(): Promise<Seen> {
    this.#pending ??= this.#poll().finally(() => (this.#pending = undefined));
    return this.#pending;
  }

  async #poll(): Promise<Seen> {
    const start = (this.#askedAt = this.clock.monotonic());
    try {
      const [locks, members, jobs] = await Promise.all([
        this.source.locks(),
        this.source.members(),
        this.source.jobs(),
      ]);
      // The lock of an election is held as long as a replica leads, and candidates always wait for it.
      const facts = { at: this.clock.wall(), ...withoutElections(locks, members), jobs };
      this.#seen = { facts };
      this.onFacts(facts);
    } catch (error) {
      const problem = error instanceof Error ? error : new Error(String(error));
      this.#seen = { ...this.#seen, problem };
    }
    this.#pace = Math.max(PACE, SHARE * (this.clock.monotonic() - start));
    return this.#seen;
  }
}
