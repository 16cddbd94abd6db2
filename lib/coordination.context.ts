import { Injectable } from '@nestjs/common';
import { assertLocked, currentLease, type Lease } from './lock/lease/index.js';

/**
 * The lease of the running code, for injection instead of the functions {@link currentLease} and {@link assertLocked}. A test can give a
 * substitute.
 *
 * @example
 * constructor(private readonly context: CoordinationContext) {}
 *
 * async write(share: Share): Promise<void> {
 *   this.context.assertLocked(`share-${share.id}`);
 * }
 *
 * @publicApi
 */
@Injectable()
export class CoordinationContext {
  /** As the function {@link currentLease}. */
  currentLease(): Lease | undefined {
    return currentLease();
  }

  /**
   * As the function {@link assertLocked}.
   * @throws NotLockedError
   */
  assertLocked(name?: string): Lease {
    return assertLocked(name);
  }
}
