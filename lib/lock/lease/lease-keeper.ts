import type { Downgrade } from '../../drivers/driver.js';
import type { LeaseLostError } from '../../errors.js';
import type { Guard } from '../guard/index.js';

/** How a lease ended: `unconfirmed` when the back end could not be asked, while the lease had not run out. */
export type LeaseEnd =
  | { readonly kind: 'released' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'unconfirmed'; readonly error: unknown };

/** What keeps one lease for its holder. */
export interface LeaseKeeper {
  readonly memberId: string;
  /** The coordinator's part that made it: names of different coordinators do not mix. */
  readonly owner: unknown;
  /** What checks the lease inside a transaction. @throws InvalidOptionsError */
  guard(): Guard;
  /** Asks the driver to free the lock; true if it was still ours. */
  release(): Promise<boolean>;
  /** Asks the driver to let others share the lock. @throws InvalidOptionsError where it cannot */
  downgrade(): Downgrade;
  /** The back end has confirmed it again. */
  onRenewed?(): void;
  /** The lease has left `held`: it must not be renewed any more. */
  onLeft(): void;
  /** The lease was lost. */
  onLost(error: LeaseLostError): void;
  /** The holder has given the lease back, and the back end has been told. */
  onReleased(end: LeaseEnd): void;
}

/** @throws why the back end could not be asked */
export function wasReleased(end: LeaseEnd): boolean {
  if (end.kind === 'unconfirmed') throw end.error;
  return end.kind === 'released';
}
