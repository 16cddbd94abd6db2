import type { Grant, Loss } from './grant.js';

/**
 * How a lock may be held: by one holder alone, or by several holders who share it. Holders of both modes are never there at once.
 * Semaphores are made of exclusive locks, above the port.
 */
export type LockMode = 'exclusive' | 'shared';

/** What is asked for by one acquisition. */
export interface Claim {
  /** The lock's name, with the coordinator's prefix. */
  readonly name: string;
  /** What {@link LockStore.keyOf} has made of it. */
  readonly key: string;
  /** How long the lease lasts without renewal, ms. */
  readonly ttl: number;
  /** How many fencing tokens are reserved, the lease's own and those after it; 0 for none. */
  readonly tokens: number;
  /** One of the driver's {@link Traits.modes}. */
  readonly mode: LockMode;
  /** The member that asks, to be shown to others. */
  readonly memberId: string;
  /** The call that waits for the reply, where there is one. */
  readonly caller?: Caller;
  /**
   * Called at most once, after the grant, if the driver learns by itself that the lease has been taken away. Never called
   * after `release`.
   */
  readonly onRevoked: (loss: Loss) => void;
}

/** The call that waits for the reply. */
export interface Caller {
  /** True when the call has ended: a try that has not begun need not. */
  readonly hasCancelled: boolean;
  /** True when its caller wants no lock any more, as its signal has aborted or the coordinator stops; not when its time is over. */
  readonly hasGone?: boolean;
}

/** The lock belongs to this grant. */
export interface Granted {
  /** Tells it from {@link Taken}. */
  readonly granted: true;
  /** What renews and releases the lease. */
  readonly grant: Grant;
}

/** The lock was not to be had. */
export interface Taken {
  /** Tells it from {@link Granted}. */
  readonly granted: false;
  /** Look again after this many ms, even when no wake-up came; undefined when only a wake-up can tell. */
  readonly retryAfter?: number;
  /** How long the present lease lasts at most without renewal, ms, where known. */
  readonly remaining?: number;
}
