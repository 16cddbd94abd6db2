import type { UsualHolds } from '../activity/index.js';

/** The facts from which the rows of a view are made. */
export interface ViewContext {
  /** When the facts were found, Unix time in ms. */
  readonly at: number;
  /** The ttl of the answering coordinator, ms. */
  readonly ttl: number;
  /** In lower case; empty for all. */
  readonly search: string;
  readonly usual: UsualHolds;
  readonly agentOf: (memberId: string) => string;
}
