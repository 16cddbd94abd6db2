/** How long a lock is kept beside the renewals of its lease, ms. A plain lock has none. */
export interface LeaseBounds {
  /** The lock is not free before; 0 for no such bound. */
  readonly minHold: number;
  /** The lease is lost then; Infinity for no such bound. */
  readonly maxHold: number;
  /** How long nobody gets the lock after a lease that was not released; 0 for no such bound. */
  readonly lockDelay: number;
}

/**
 * How long the back end keeps the lock of a holder that is never heard of again, ms. The holder's own deadline counts from
 * the ttl alone, and so is over by `lockDelay` before.
 * @param held how long the lease has been held by now, ms
 */
export function validityOf(ttl: number, bounds: LeaseBounds | undefined, held = 0): number {
  return bounds ? Math.max(ttl + bounds.lockDelay, Math.ceil(bounds.minHold - held)) : ttl;
}
