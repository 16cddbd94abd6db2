import type { Grant, Loss } from './grant.js';

/**
 * How a lock may be held: by one holder alone, or by several holders who share it. A lock never has holders of both modes at once.
 * Semaphores are made of exclusive locks, above the port.
 */
export type LockMode = 'exclusive' | 'shared';

/** What one acquisition asks for. */
export interface Claim {
  /** The lock's name, with the coordinator's prefix. */
  readonly name: string;
  /** The result of {@link LockStore.keyOf} for the name. */
  readonly key: string;
  /** How long the lease lasts without renewal, ms. */
  readonly ttl: number;
  /** How many fencing tokens to reserve: the lease's own and those after it; 0 for none. */
  readonly tokens: number;
  /** One of the driver's {@link Traits.modes}. */
  readonly mode: LockMode;
  /** The member that asks. Others can see it. */
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
  /** True when the call has ended: the driver need not begin another try. */
  readonly hasCancelled: boolean;
  /** True when the caller no longer wants the lock: its signal aborted, or the coordinator stops. Not set when its time is over. */
  readonly hasGone?: boolean;
}

/** The lock belongs to this grant. */
export interface Granted {
  /** Distinguishes it from {@link Taken}. */
  readonly granted: true;
  /** What renews and releases the lease. */
  readonly grant: Grant;
}

/** The lock could not be taken. */
export interface Taken {
  /** Distinguishes it from {@link Granted}. */
  readonly granted: false;
  /** Look again after this many ms, even without a wake-up; undefined when only a wake-up can tell. */
  readonly retryAfter?: number;
  /** How long the present lease lasts at most without renewal, ms, where known. */
  readonly remaining?: number;
}
