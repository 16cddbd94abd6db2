import { InvalidOptionsError } from '../errors.js';
import { checkBlocking, checkBoolean, checkTtl } from '../common/checks.js';

/**
 * What a lock does unless a call says otherwise.
 * @publicApi
 */
export interface LockOptions {
  /** Lease time, ms; default: the coordinator's `ttl`. */
  readonly ttl?: number;
  /** true: wait for ever · false: one try · n: wait at most n ms; default: the coordinator's `blocking`. */
  readonly blocking?: boolean | number;
  /** Give each lease a fencing token; default: the coordinator's `fencing`. */
  readonly fencing?: boolean;
  /**
   * Grant in the order of arrival over all processes, instead of letting each process serve its own waiters in turns;
   * default: false.
   */
  readonly fair?: boolean;
}

/**
 * What one call may ask for.
 * @publicApi
 */
export interface AcquireOptions extends LockOptions {
  /** When it aborts, the call gives up its place in the queue and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** @throws InvalidOptionsError that names every wrong option, with `where` in front */
export function checkLockOptions(options: AcquireOptions, where: string): void {
  const problems = lockOptionProblems(options);
  if (problems.length > 0) throw new InvalidOptionsError(`${where}: ${problems.join('; ')}`);
}

/** Every wrong option, as a sentence that names it. */
export function lockOptionProblems(options: AcquireOptions): string[] {
  const problems: string[] = [];
  if (options.ttl !== undefined) problems.push(...checkTtl('ttl', options.ttl));
  if (options.blocking !== undefined) problems.push(...checkBlocking('blocking', options.blocking));
  if (options.fencing !== undefined) problems.push(...checkBoolean('fencing', options.fencing));
  if (options.fair !== undefined) problems.push(...checkBoolean('fair', options.fair));
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    problems.push('signal must be an AbortSignal');
  }
  return problems;
}
