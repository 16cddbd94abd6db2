import type { HistoryRecord } from '../checker/records.js';
import type { Crew } from './crew.js';
import type { FaultKind, Step } from './faults.js';
import type { RegisterStorage } from './storage.js';

/** What the faults of one run act on. */
export interface Scene {
  readonly crew: Crew;
  readonly storage: RegisterStorage;
  readonly locks: readonly string[];
  readonly records: HistoryRecord[];
  /** Told of what should have ended by itself, and did not. */
  readonly onStall: (what: string) => void;
  /** Resolves after so many ms, or when the run is over. */
  readonly pause: (ms: number) => Promise<void>;
}

/**
 * Does one fault, from its beginning to its end.
 * @returns what it hit; undefined when there was nothing to hit
 */
export type Action = (step: Step, scene: Scene) => Promise<string | undefined>;

export type Actions = { readonly [Kind in FaultKind]?: Action };
