import type { Bench } from './bench.js';

/** What one round of one contender gave, by the key of the measure. */
export type Figures = Readonly<Record<string, number>>;

/** One of several ways to do the same thing, measured against the others. */
export interface Contender {
  readonly name: string;
  /**
   * One round.
   * @param size operations, or ms, as the scenario has it
   */
  readonly measure: (size: number) => Promise<Figures>;
  /** How long a round may take until it counts as hanging, ms. */
  readonly limit?: number;
}

/** What is set up for one scenario. */
export interface Setup {
  readonly contenders: readonly Contender[];
  readonly close: () => Promise<unknown>;
}

/** One of the figures of a round. */
export interface Measure {
  readonly key: string;
  /** As the head of a column. */
  readonly label: string;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
  /** Whether it gets a panel of its own in the scenario's chart; the first one always has one. */
  readonly charted?: boolean;
}

/** What a figure is compared with. */
export interface Comparison {
  /** The key of the measure. */
  readonly measure: string;
  /** The contender it is held against. */
  readonly against: string;
  /** ratio: ours / theirs; difference: ours − theirs, in the measure's unit. */
  readonly by: 'ratio' | 'difference';
}

export interface Size {
  /** Of one round of one contender: operations, or ms. */
  readonly size: number;
  /** Rounds per run. */
  readonly rounds: number;
  /** Rounds before those, that do not count. */
  readonly warmUps: number;
}

export interface Scenario extends Size {
  /** As in `--only`. */
  readonly id: string;
  readonly title: string;
  /** What `size` counts. */
  readonly sizeUnit: string;
  readonly measures: readonly Measure[];
  readonly comparisons: readonly Comparison[];
  /** For `--short`. */
  readonly short: Size;
  readonly prepare: (bench: Bench) => Promise<Setup>;
}

/** The rounds of one contender; those of all contenders belong together. A round that failed is undefined. */
export interface Samples {
  readonly rounds: (Figures | undefined)[];
  /** Why it did not take part to the end. */
  failure?: string;
}

/** By the name of the contender. */
export type RunSamples = Record<string, Samples>;
