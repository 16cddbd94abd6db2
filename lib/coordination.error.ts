import { HttpException, HttpStatus } from '@nestjs/common';

/** 423 of RFC 4918 (WebDAV); HttpStatus has no name for it. */
export const LOCKED = 423;

/** The only text of an error that a client gets. */
const PUBLIC_MESSAGES: Readonly<Record<number, string>> = {
  [HttpStatus.CONFLICT]: 'Conflict',
  [LOCKED]: 'Locked',
  [HttpStatus.TOO_MANY_REQUESTS]: 'Too Many Requests',
  [HttpStatus.INTERNAL_SERVER_ERROR]: 'Internal Server Error',
  [HttpStatus.SERVICE_UNAVAILABLE]: 'Service Unavailable',
};

/** Hides the properties that only Nest needs. An error then prints as its message, its stack and its cause. */
export function hide(error: object, properties: readonly string[]): void {
  for (const property of properties) {
    const descriptor = Object.getOwnPropertyDescriptor(error, property);
    if (descriptor) Object.defineProperty(error, property, { ...descriptor, enumerable: false });
  }
}

/**
 * Programs tell the errors apart by these codes; each class has one.
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

/** The parts of an error besides its message. */
export interface CoordinationErrorOptions {
  /** The error behind it. */
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
 * @example
 * if (error instanceof CoordinationError) return { code: error.code, retryAfter: error.retryAfter };
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
