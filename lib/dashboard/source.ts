import type { JobInfo } from '../runs/index.js';

// SHAPES
export interface LockInfo {
  readonly name: string;
  readonly mode: 'exclusive' | 'shared';
  readonly holders: readonly HolderInfo[];
  readonly waiters: readonly WaiterInfo[];
  readonly permits?: number;
}
export interface HolderInfo {
  readonly memberId?: string;
  readonly function?: string;
  readonly since?: Date;
  readonly deadline?: Date;
  readonly fencingToken?: number;
  readonly template?: string;
}
export interface WaiterInfo {
  readonly memberId: string;
  readonly function?: string;
  readonly since: Date;
  readonly template?: string;
}
export interface MemberInfo {
  readonly memberId: string;
  readonly agentId: string;
  readonly incarnation: string;
  readonly pid?: number;
  readonly host?: string;
  readonly version?: string;
  readonly startedAt?: Date;
  readonly lastSeen: Date;
  readonly held: number;
  readonly waiting: number;
  readonly leads: readonly string[];
  readonly here: boolean;
}
// END OF SHAPES

/** Where the page's data come from: what `coordinator.inspect` has, or what a test makes up. */
export interface DashboardSource {
  /** @throws BackendUnavailableError */
  locks(): Promise<readonly LockInfo[]>;
  /** @throws BackendUnavailableError */
  members(): Promise<readonly MemberInfo[]>;
  /** @throws BackendUnavailableError */
  jobs(): Promise<readonly JobInfo[]>;
  /** @returns whether it was held. @throws BackendUnavailableError */
  break(name: string, options: { readonly reason: string }): Promise<boolean>;
}

/** What one poll has found. */
export interface Facts {
  /** Unix time in ms. */
  readonly at: number;
  readonly locks: readonly LockInfo[];
  readonly members: readonly MemberInfo[];
  readonly jobs: readonly JobInfo[];
}

/** What the page reads, for tests that make it up. @internal */
export const DASHBOARD_SOURCE = Symbol.for('nestjs-coordination:dashboard-source');
