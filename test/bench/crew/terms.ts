import type { Place } from '../locks/index.js';

export interface OpenTerms {
  /** The ids of the kinds of locks that are wanted. */
  readonly kinds: readonly string[];
  readonly place: Place;
}

export interface ContendTerms {
  readonly kind: string;
  readonly key: string;
  /** When to begin, on the monotonic clock, and for how long to go on asking, ms. */
  readonly from: number;
  readonly ms: number;
  /** How long a lease is kept, and how long a loop pauses after it, ms. */
  readonly hold: number;
  readonly think: number;
  /** Loops that ask at the same time. */
  readonly loops: number;
}

export interface CrowdTerms {
  readonly kind: string;
  readonly key: string;
  readonly waiters: number;
  readonly hold: number;
}

/** How a crowd was served. */
export interface Served {
  readonly served: number;
  readonly failed: number;
  readonly failure?: string;
  /** When the last one was served, on the monotonic clock, ms. */
  readonly last: number;
}

/** What a process has used so far, at a moment of the monotonic clock; all in ms. */
export interface Usage {
  readonly at: number;
  readonly cpu: number;
}
