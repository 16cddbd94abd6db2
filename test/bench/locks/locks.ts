/** A handle on a key, for one lease at a time. */
export interface Handle {
  /** Waits until it has the lock; rejects when it gives up. */
  acquire(): Promise<unknown>;
  release(): Promise<unknown>;
}

/** Locks of one kind, connected to one place. */
export interface Locks {
  lock(key: string): Handle;
  close(): Promise<unknown>;
}

/** What locks are connected to. */
export interface Place {
  /** As `nestjs-coordination` has it. */
  readonly backendUrl: string;
  /** A URL for each Redis node. */
  readonly nodes: readonly string[];
  /** Lease time, ms. */
  readonly ttl: number;
  /** Renewal period, ms, of `nestjs-coordination`, where it is not the default. */
  readonly heartbeat?: number;
}

/** One way to take locks: of ours, of others, or by hand. */
export interface LockKind {
  readonly id: string;
  /** As the tables have it. */
  readonly name: string;
  /** The time between two renewals of a lease, ms, of those that renew what they hold. */
  readonly beatOf?: (place: Place) => number;
  readonly open: (place: Place) => Promise<Locks>;
}
