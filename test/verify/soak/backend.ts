import type { Count } from './counts.js';

/** A back end of its own for one soak. */
export interface SoakBackend {
  /** As in `--backend`. */
  readonly id: string;
  readonly url: string;
  /** Whether a second process can contend for the same locks. */
  readonly shared: boolean;
  /** Whether a lease ends by its ttl. */
  readonly leasesExpire: boolean;
  /** How many of the locks have a name that was never used before, from 0 to 1. */
  readonly newNames: number;
  /** What it holds and who is connected. */
  counts(): Promise<Count[]>;
  /** Cuts the connections of everybody. */
  readonly cutConnections?: () => Promise<void>;
  close(): Promise<void>;
}
