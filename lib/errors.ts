import { HttpException, HttpStatus } from '@nestjs/common';

/** 423 of RFC 4918 (WebDAV); HttpStatus has no name for it. */
const LOCKED = 423;

/** All that a client is told in words. */
const PUBLIC_MESSAGES: Readonly<Record<number, string>> = {
  [HttpStatus.CONFLICT]: 'Conflict',
  [LOCKED]: 'Locked',
  [HttpStatus.TOO_MANY_REQUESTS]: 'Too Many Requests',
  [HttpStatus.INTERNAL_SERVER_ERROR]: 'Internal Server Error',
  [HttpStatus.SERVICE_UNAVAILABLE]: 'Service Unavailable',
};

/** When a client may try again after the back end did not answer, ms: nobody knows, so as soon as makes sense. */
const RETRY_AFTER_OUTAGE = 1000;

/** What an error carries for Nest is not for the log: as it prints, an error is its message, its stack and its cause. */
function hide(error: object, properties: readonly string[]): void {
  for (const property of properties) {
    const descriptor = Object.getOwnPropertyDescriptor(error, property);
    if (descriptor) Object.defineProperty(error, property, { ...descriptor, enumerable: false });
  }
}

/**
 * What a program tells the errors apart by; each class has one.
 * @publicApi
 */
export type CoordinationErrorCode =
  | 'LOCK_CREATION_FAILED'
  | 'LOCKED'
  | 'LIMIT_REACHED'
  | 'INVALID_LOCK_NAME'
  | 'LEASE_LOST'
  | 'BACKEND_UNAVAILABLE'
  | 'NOT_LOCKED'
  | 'ONCE_FAILED'
  | 'SCHEMA_MISSING'
  | 'INVALID_OPTIONS';

export interface CoordinationErrorOptions {
  readonly cause?: unknown;
  /** After how many ms a client may try again; becomes the Retry-After header. */
  readonly retryAfter?: number | undefined;
}

/**
 * The base of every error of this package.
 *
 * It is an `HttpException`: its status and its generic response body are what a client may know; its `message` is
 * for the log and names the lock, the member and what to do.
 *
 * @publicApi
 */
export class CoordinationError extends HttpException {
  /** Names the kind of error for programs; in the response body too. */
  readonly code: CoordinationErrorCode;
  /** After how many ms a client may try again, where that makes sense. */
  readonly retryAfter?: number;

  constructor(
    message: string,
    status: number,
    code: CoordinationErrorCode,
    options: CoordinationErrorOptions = {},
  ) {
    super({ statusCode: status, message: PUBLIC_MESSAGES[status], code }, status, { cause: options.cause });
    this.message = message;
    this.name = new.target.name;
    this.code = code;
    this.retryAfter = options.retryAfter;
    if (options.cause === undefined) delete this.cause;
    hide(this, ['response', 'status', 'options', 'errorCode', 'code', 'retryAfter', 'name', 'message']);
  }
}

/**
 * A lock was asked of a coordinator that is not started, or that nobody provides (500).
 * @publicApi
 */
export class LockCreationFailedError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.INTERNAL_SERVER_ERROR, 'LOCK_CREATION_FAILED', options);
  }
}

/**
 * Somebody else holds the lock, and the time to wait is over (423 Locked).
 * @publicApi
 */
export class LockAcquireFailedError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, LOCKED, 'LOCKED', options);
  }
}

/**
 * All permits of a semaphore are taken, and the time to wait is over (429 Too Many Requests).
 * @publicApi
 */
export class LimitReachedError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.TOO_MANY_REQUESTS, 'LIMIT_REACHED', options);
  }
}

/**
 * A lock name is malformed, or a value in it is missing (500).
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
 * - `taken-over`: the back end says that somebody else holds the lock
 * - `broken`: the back end does not have the lease any more: it was broken, or its key is gone
 * - `revoked`: somebody broke it and gave a reason, which is in the message
 * - `max-hold`: it was held for as long as its `maxHold` allows
 * - `stale-snapshot`: it is held, but the transaction in which it was checked began before it, and may have read what is older
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
 * @publicApi
 */
export class LeaseLostError extends CoordinationError {
  readonly reason: LeaseLossReason;

  constructor(message: string, reason: LeaseLossReason, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.CONFLICT, 'LEASE_LOST', options);
    this.reason = reason;
  }
}

/**
 * The back end cannot be reached, or this coordinator is shutting down (503 Service Unavailable).
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
 * @publicApi
 */
export class NotLockedError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.INTERNAL_SERVER_ERROR, 'NOT_LOCKED', options);
  }
}

/**
 * What was to be done once over all replicas has failed too often (500); `coordinator.forget(name)` has it tried again.
 * @publicApi
 */
export class OnceFailedError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.INTERNAL_SERVER_ERROR, 'ONCE_FAILED', options);
  }
}

/**
 * The PostgreSQL database lacks tables, functions or rights that the back end needs (500); the message says what to run.
 * @publicApi
 */
export class CoordinationSchemaError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.INTERNAL_SERVER_ERROR, 'SCHEMA_MISSING', options);
  }
}

/**
 * The options or the use of the package are wrong; the message lists every problem (500).
 * @publicApi
 */
export class InvalidOptionsError extends CoordinationError {
  constructor(message: string, options?: CoordinationErrorOptions) {
    super(message, HttpStatus.INTERNAL_SERVER_ERROR, 'INVALID_OPTIONS', options);
  }
}
