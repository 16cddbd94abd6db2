import { quoted } from '../../common/quoted.js';
import type { Loss } from '../../drivers/driver.js';
import { InvalidOptionsError, LeaseLostError } from '../../errors.js';
import type { GuardLoss } from '../guard/index.js';

/** The lease is over though its holder has not released it. */
export function lostLease(
  name: string,
  memberId: string,
  { reason, message }: Loss,
  cause: unknown,
): LeaseLostError {
  return new LeaseLostError(
    `Lock ${quoted(name)}: ${memberId} lost its lease: ${message}; work done under it may not have been alone`,
    reason,
    { cause },
  );
}

export function goneAtRelease(name: string, memberId: string): LeaseLostError {
  return new LeaseLostError(
    `Lock ${quoted(name)}: ${memberId} found at release that the back end no longer had its lease; work done under it may not have been alone`,
    'broken',
  );
}

export function releasedAlready(name: string, memberId: string): LeaseLostError {
  return new LeaseLostError(
    `Lock ${quoted(name)}: the lease of ${memberId} was released already`,
    'released',
  );
}

export function notProtecting(
  name: string,
  memberId: string,
  { reason, message, cause }: GuardLoss,
): LeaseLostError {
  return new LeaseLostError(
    `Lock ${quoted(name)}: the lease of ${memberId} does not protect this transaction: ${message}`,
    reason,
    { cause },
  );
}

/** The error of a call that asks for the token by the name of another lock. */
export function notOnLock(name: string, asked: string): InvalidOptionsError {
  return new InvalidOptionsError(
    `fencingTokenOf(${quoted(asked)}): the lease is that of ${quoted(name)}, and not of that lock`,
  );
}

/** The properties of a lease that do not lead to the whole coordinator. */
interface ShownLease {
  readonly name: string;
  readonly state: string;
  readonly shared: boolean;
  readonly fencingToken: number | undefined;
  /** Unix time, ms. */
  readonly deadline: number;
}

export function shownLease({ name, state, shared, fencingToken, deadline }: ShownLease): object {
  return {
    name,
    state,
    ...(shared && { shared }),
    ...(fencingToken !== undefined && { fencingToken }),
    // JSON has no Infinity.
    ...(Number.isFinite(deadline) && { deadline: new Date(deadline).toISOString() }),
  };
}
