import type { Lease } from 'nestjs-coordination';

/** What the application shows the storage with a request: under which lease it comes. */
export interface Permit {
  /** What the lease's lock protects. Tokens of one lock can be compared, so each lock has one resource, and one floor. */
  readonly resource: string;
  /** The lease's fencing token; undefined without fencing, when the storage can refuse nobody. */
  readonly token: number | undefined;
  /** Whether others may have a lease of the lock at the same time, with tokens of their own. */
  readonly shared?: boolean;
  /** Aborted when the lease was lost, as far as this process knows. */
  readonly signal: AbortSignal;
}

export function permitOn(resource: string, { fencingToken, signal }: Lease): Permit {
  return { resource, token: fencingToken, signal };
}
