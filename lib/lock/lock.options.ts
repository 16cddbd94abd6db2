import { InvalidOptionsError } from '../errors.js';
import { checkBlocking, checkBoolean, checkTtl, shown } from '../common/checks.js';
import { blockingOf, type Duration, msOf } from '../common/duration.js';

/**
 * What a lock does unless a call says otherwise.
 * @publicApi
 */
export interface LockOptions {
  /** Lease time: ms, or text such as '30s'; default: the coordinator's `ttl`. */
  readonly ttl?: Duration | undefined;
  /**
   * true: wait for ever · false: one try · 500 or '5s': wait at most so long (a number is ms); default: the coordinator's
   * `blocking`.
   */
  readonly blocking?: boolean | Duration | undefined;
  /** Give each lease a fencing token; default: the coordinator's `fencing`. */
  readonly fencing?: boolean | undefined;
  /**
   * Grant in the order of arrival over all processes, instead of letting each process serve its own waiters in turns;
   * default: false.
   */
  readonly fair?: boolean | undefined;
  /**
   * Hold the lock together with others that share it, and never beside a holder that does not; default: false. Whoever waits to hold
   * it alone comes before those who ask to share it later.
   */
  readonly shared?: boolean | undefined;
}

/**
 * What one call may ask for.
 * @publicApi
 */
export interface AcquireOptions extends LockOptions {
  /** When it aborts, the call gives up its place in the queue and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The options with their durations in ms. */
export type InMs<O extends LockOptions> = Omit<O, 'ttl' | 'blocking'> & {
  readonly ttl?: number | undefined;
  readonly blocking?: boolean | number | undefined;
};

/** The very same object where its durations are in ms already. */
export function inMs<O extends LockOptions>(options: O): InMs<O> {
  const { ttl, blocking } = options;
  if (typeof ttl !== 'string' && typeof blocking !== 'string') return options as InMs<O>;
  return {
    ...options,
    ...(ttl !== undefined && { ttl: msOf(ttl) }),
    ...(blocking !== undefined && { blocking: blockingOf(blocking) }),
  };
}

/** What one acquisition asks for. */
export interface LockTerms {
  /** How long the lease lasts without renewal, ms. */
  readonly ttl: number;
  /** true: wait for ever · false or 0: one try · n: at most n ms. */
  readonly blocking: boolean | number;
  readonly fencing: boolean;
  readonly fair: boolean;
  readonly shared: boolean;
}

/** What a call asks for; else what its lock does; else what is usual for the coordinator. */
export function lockTerms(
  usual: Omit<LockTerms, 'fair' | 'shared'>,
  lock: InMs<LockOptions>,
  call: InMs<LockOptions> = lock,
): LockTerms {
  return {
    ttl: call.ttl ?? lock.ttl ?? usual.ttl,
    blocking: call.blocking ?? lock.blocking ?? usual.blocking,
    fencing: call.fencing ?? lock.fencing ?? usual.fencing,
    fair: call.fair ?? lock.fair ?? false,
    shared: call.shared ?? lock.shared ?? false,
  };
}

const LOCK_OPTIONS = [
  'ttl',
  'blocking',
  'fencing',
  'fair',
  'shared',
] as const satisfies (keyof LockOptions)[];
const ACQUIRE_OPTIONS = [...LOCK_OPTIONS, 'signal'] as const satisfies (keyof AcquireOptions)[];

/** @throws InvalidOptionsError that names every wrong option of a lock, with `where` in front */
export function checkLockOptions(options: LockOptions, where: string): void {
  check(options, where, LOCK_OPTIONS);
}

/** @throws InvalidOptionsError that names every wrong option of a call, with `where` in front */
export function checkAcquireOptions(options: AcquireOptions, where: string): void {
  check(options, where, ACQUIRE_OPTIONS);
}

function check(options: AcquireOptions, where: string, known: readonly string[]): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) {
    throw new InvalidOptionsError(`${where}: its options must be an object, got ${shown(given)}`);
  }
  const problems = Object.keys(options)
    .filter((key) => !known.includes(key))
    .map((key) => unknownOption(key, known));
  problems.push(...lockOptionProblems(options));
  if (problems.length > 0) throw new InvalidOptionsError(`${where}: ${problems.join('; ')}`);
}

export function unknownOption(key: string, known: readonly string[]): string {
  return `unknown option ${shown(key)}, known are ${known.join(', ')}`;
}

/** Every wrong option, as a sentence that names it. */
export function lockOptionProblems(options: AcquireOptions): string[] {
  const problems: string[] = [];
  if (options.ttl !== undefined) problems.push(...checkTtl('ttl', options.ttl));
  if (options.blocking !== undefined) problems.push(...checkBlocking('blocking', options.blocking));
  if (options.fencing !== undefined) problems.push(...checkBoolean('fencing', options.fencing));
  if (options.fair !== undefined) problems.push(...checkBoolean('fair', options.fair));
  if (options.shared !== undefined) problems.push(...checkBoolean('shared', options.shared));
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    problems.push('signal must be an AbortSignal');
  }
  return problems;
}
