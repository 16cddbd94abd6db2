import { HttpStatus } from '@nestjs/common';
import { CoordinationError, type CoordinationErrorOptions, hide, LOCKED } from './coordination.error.js';

export {
  CoordinationError,
  type CoordinationErrorCode,
  type CoordinationErrorOptions,
} from './coordination.error.js';

/** A client may try again this long after an outage, ms. The end of an outage is unknown, so it is as soon as makes sense. */
const RETRY_AFTER_OUTAGE = 1000;

/**
 * A lock was asked of a coordinator that is not started, or that no module provides (500).
 *
 * @example
 * coordinator.getLock('share-7'); // throws it in a constructor: take locks from onModuleInit on
 *
 * @publicApi
 */
export class LockCreationFailedError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.INTERNAL_SERVER_ERROR, 'LOCK_CREATION_FAILED', options);
  }
}

/**
 * Another holder has the lock, and the time limit of the wait is over (423 Locked).
 *
 * @example
 * if (error instanceof LockAcquireFailedError) return 'another request is at it; try again';
 *
 * @publicApi
 */
export class LockAcquireFailedError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, LOCKED, 'LOCKED', options);
  }
}

/**
 * All permits of a semaphore are taken, and the time limit of the wait is over (429 Too Many Requests).
 *
 * @example
 * if (error instanceof LimitReachedError) return 'three exports are running; try again';
 *
 * @publicApi
 */
export class LimitReachedError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.TOO_MANY_REQUESTS, 'LIMIT_REACHED', options);
  }
}

/**
 * A lock name is malformed, or a value in it is missing (500).
 *
 * @example
 * await shares.extend({ id: undefined }); // rejects with it for '<fName>-<share.id>'
 *
 * @publicApi
 */
export class LockNameError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.INTERNAL_SERVER_ERROR, 'INVALID_LOCK_NAME', options);
  }
}

/**
 * Why a lease is over:
 * - `expired`: its deadline passed, and no renewal had failed before (a blocked event loop, a stopped process)
 * - `backend-down`: its deadline passed while no node of the back end answered, or all refused to renew it
 * - `quorum-lost`: its deadline passed while some nodes answered, but fewer than a quorum
 * - `taken-over`: the back end says that another holder has the lock
 * - `broken`: the back end does not have the lease any more: it was broken, or its key is gone
 * - `revoked`: it was broken by a call that gave a reason, which is in the message
 * - `max-hold`: it was held for as long as its `maxHold` allows
 * - `stale-snapshot`: it is held, but the transaction that checked it began before the lease, and may have read older data
 * - `stopped`: the coordinator stopped while the work was still running
 * - `released`: it was given back, and `assertHeld` was called after that
 *
 * @publicApi
 */
export type LeaseLossReason =
  | 'expired'
  | 'backend-down'
  | 'quorum-lost'
  | 'taken-over'
  | 'broken'
  | 'revoked'
  | 'max-hold'
  | 'stale-snapshot'
  | 'stopped'
  | 'released';

/**
 * The lease ended while its work was still running, so the work may not have been alone (409 Conflict).
 *
 * @example
 * if (error instanceof LeaseLostError) await this.lookWhatWasDone(error.reason);
 *
 * @publicApi
 */
export class LeaseLostError extends CoordinationError {
  /** Why the lease is over. */
  readonly reason: LeaseLossReason;

  constructor(message: string, reason: LeaseLossReason, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.CONFLICT, 'LEASE_LOST', options);
    this.reason = reason;
  }
}

/**
 * The back end cannot be reached, or this coordinator is shutting down (503 Service Unavailable).
 *
 * @example
 * if (error instanceof BackendUnavailableError) await setTimeout(error.retryAfter);
 *
 * @publicApi
 */
export class BackendUnavailableError extends CoordinationError {
  /** True when some nodes answered, but fewer than a quorum. */
  readonly partial: boolean;
  /** True when the back end answered, and refused. */
  readonly refused: boolean;
  /** After how many ms the reason will have passed, where that is known. */
  readonly endsIn?: number;

  constructor(
    message: string,
    options: CoordinationErrorOptions & {
      readonly partial?: boolean;
      readonly refused?: boolean;
      readonly endsIn?: number;
    } = {},
  ) {
    super(message, HttpStatus.SERVICE_UNAVAILABLE, 'BACKEND_UNAVAILABLE', {
      retryAfter: Math.max(RETRY_AFTER_OUTAGE, options.endsIn ?? 0),
      ...options,
    });
    this.partial = options.partial ?? false;
    this.refused = options.refused ?? false;
    this.endsIn = options.endsIn;
    hide(this, ['partial', 'refused', 'endsIn']);
  }
}

/**
 * Code that must run under a lock runs without it (500); thrown by `assertLocked`.
 *
 * @example
 * expect(() => storage.write('7')).toThrow(NotLockedError); // it calls assertLocked('share-7')
 *
 * @publicApi
 */
export class NotLockedError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.INTERNAL_SERVER_ERROR, 'NOT_LOCKED', options);
  }
}

/**
 * Work of `once` has failed too often over all replicas (500); `coordinator.forget(name)` has it tried again.
 *
 * @example
 * if (error instanceof OnceFailedError) await coordinator.forget('seed-v42'); // after the cause was mended
 *
 * @publicApi
 */
export class OnceFailedError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.INTERNAL_SERVER_ERROR, 'ONCE_FAILED', options);
  }
}

/**
 * The PostgreSQL database lacks tables, functions or rights that the back end needs (500); the message says what to run.
 *
 * @example
 * if (error instanceof CoordinationSchemaError) console.error(postgresSchema()); // the SQL to run
 *
 * @publicApi
 */
export class CoordinationSchemaError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.INTERNAL_SERVER_ERROR, 'SCHEMA_MISSING', options);
  }
}

/**
 * The options or the use of the package are wrong; the message lists every problem (500).
 *
 * @example
 * CoordinationModule.forRoot({ ttl: -1 }); // the boot rejects with it
 *
 * @publicApi
 */
export class InvalidOptionsError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.INTERNAL_SERVER_ERROR, 'INVALID_OPTIONS', options);
  }
}
