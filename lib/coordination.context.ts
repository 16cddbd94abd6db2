import { Injectable } from '@nestjs/common';
import { assertLocked, currentLease, type Lease } from './lock/lease/index.js';

/**
 * What the running code is under, for those who would rather inject it than import {@link currentLease} and {@link assertLocked}: a
 * test gives a substitute.
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
