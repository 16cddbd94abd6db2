/** One of several ways to do the same thing, measured against the others. */
export interface Contender {
  readonly name: string;
  /** One operation. */
  readonly run: () => Promise<unknown> | void;
}

/** What is set up for one scenario. */
export interface Setup {
  readonly contenders: readonly Contender[];
  readonly close: () => Promise<void>;
}

/** What a figure is compared with. */
export interface Comparison {
  /** The contender it is held against. */
  readonly against: string;
  /** ratio: ours / theirs; difference: ours − theirs, in the scenario's unit. */
  readonly by: 'ratio' | 'difference';
}

export interface Scenario {
  /** As in `--only`. */
  readonly id: string;
  readonly title: string;
  readonly unit: 'µs' | 'ms';
  /**
   * What stands for one round: the median of its operations, or their mean, for operations that are too short to be
   * timed one by one, or that leave garbage whose collection is a part of the cost.
   */
  readonly figure: 'median' | 'mean';
  /** Operations per round and contender. */
  readonly operations: number;
  /** Rounds per run. */
  readonly rounds: number;
  readonly comparisons: readonly Comparison[];
  readonly prepare: () => Promise<Setup>;
}

/** By the name of the contender, one figure per round; the rounds of all contenders belong together. */
export type Samples = Record<string, number[]>;
