import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  BackendUnavailableError,
  InvalidOptionsError,
  LeaseLostError,
  LockAcquireFailedError,
  LockCreationFailedError,
  LockNameError,
  NotLockedError,
} from '../../lib/errors.js';

describe.each([
  [new LockCreationFailedError('secret-7'), 'LOCK_CREATION_FAILED', 500],
  [new LockAcquireFailedError('secret-7'), 'LOCKED', 423],
  [new LockNameError('secret-7'), 'INVALID_LOCK_NAME', 500],
  [new LeaseLostError('secret-7', 'expired'), 'LEASE_LOST', 409],
  [new BackendUnavailableError('secret-7'), 'BACKEND_UNAVAILABLE', 503],
  [new NotLockedError('secret-7'), 'NOT_LOCKED', 500],
  [new InvalidOptionsError('secret-7'), 'INVALID_OPTIONS', 500],
])('%o', (error, code, status) => {
  it(`has the code ${code}, which its response body has too`, () => {
    expect(error.code).toBe(code);
    expect(error.getResponse()).toEqual({ statusCode: status, message: expect.any(String), code });
    expect(error.getStatus()).toBe(status);
  });

  it('tells a client nothing of its message', () => {
    expect(JSON.stringify(error.getResponse())).not.toContain('secret-7');
  });

  it('prints as its message and its stack alone', () => {
    expect(inspect(error)).toContain(error.message);
    expect(inspect(error)).not.toContain(code);
  });
});
