import type { Leftover } from '../checker/leftovers.js';
import type { Actions } from './scene.js';

/** The back end of a campaign, and the faults that hit it rather than a worker. */
export interface Stage {
  /** What the worker of that place uses as its back end. */
  urlOf(place: number): string;
  /** How many nodes there are to hit; 0 on files. */
  readonly nodes: number;
  readonly actions: Actions;
  /** Lets everything work again, at the end of a run, while leases may still be held. */
  heal(): Promise<void>;
  /** Puts right what would be a fault by itself: when nobody holds a lease. */
  settle(): void;
  /** What is there while all workers are idle, or when they have ended, and should not be. */
  leftovers(workers: 'idle' | 'ended'): Promise<readonly Leftover[]>;
  stop(): Promise<void>;
}
