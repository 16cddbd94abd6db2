import type { Clock } from '../common/clock.js';
import type { Watch } from '../drivers/driver.js';
import { BackendUnavailableError } from '../errors.js';
import type { Leader } from './election.js';

export interface LeaderWatchContext {
  readonly clock: Clock;
  /** A look at least each so many ms. */
  readonly period: number;
  readonly look: () => Promise<Leader | undefined>;
  readonly subscribe: (onChange: () => void) => Watch;
  readonly onEnd: (watch: LeaderWatch) => void;
}

type State = { readonly leader: Leader | undefined };
type Step = IteratorResult<Leader | undefined, undefined>;

const DONE: Step = { done: true, value: undefined };

/**
 * Tells one consumer the leader. It looks only while the consumer asks: it stores nothing for a slow consumer, and runs no timer for a
 * busy one.
 */
export class LeaderWatch implements AsyncIterableIterator<Leader | undefined> {
  #told?: State;
  #hints?: Watch;
  #ended = false;
  #rung = false;
  #wake?: () => void;
  /** Steps come one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly context: LeaderWatchContext) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Step> {
    const step = this.#last.then(() => this.#step());
    this.#last = step.catch(() => undefined);
    return step;
  }

  async return(): Promise<Step> {
    this.end();
    return DONE;
  }

  /** Called when the leader may have changed. */
  nudge(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Tells nothing any more; a step that waits ends. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#hints?.[Symbol.dispose]();
    this.context.onEnd(this);
    this.#wake?.();
  }

  async #step(): Promise<Step> {
    if (this.#ended) return DONE;
    this.#hints ??= this.context.subscribe(() => this.nudge());
    await this.#hints.ready;
    for (;;) {
      this.#rung = false;
      const state = await this.#look();
      if (this.#ended) return DONE;
      if (state && !isSame(state, this.#told)) {
        this.#told = state;
        return { done: false, value: state.leader };
      }
      await this.#pause();
    }
  }

  async #look(): Promise<State | undefined> {
    try {
      return { leader: await this.context.look() };
    } catch (error) {
      // The leader is unknown: the one that was told last stays until the next look.
      if (this.#ended || error instanceof BackendUnavailableError) return undefined;
      this.end();
      throw error;
    }
  }

  /** Waits for a nudge, or for a period. */
  async #pause(): Promise<void> {
    if (this.#rung || this.#ended) return;
    const { clock, period } = this.context;
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(period, () => this.#wake?.(), 'background');
      this.#wake = () => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

function isSame({ leader }: State, told: State | undefined): boolean {
  return (
    told !== undefined &&
    leader?.term === told.leader?.term &&
    leader?.incarnation === told.leader?.incarnation
  );
}
