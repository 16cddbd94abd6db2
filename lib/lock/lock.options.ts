import { InvalidOptionsError } from '../errors.js';
import { checkBlocking, checkBoolean, checkKept, checkPositive, checkTtl, shown } from '../common/checks.js';
import { blockingOf, type Duration, msOf } from '../common/duration.js';
import type { LeaseBounds } from './lease/index.js';

/**
 * The options of a lock. A call may say otherwise.
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
   * Hold the lock together with others that share it, and never beside a holder that does not; default: false. A waiter that wants the
   * lock alone comes before the calls that ask to share it later.
   */
  readonly shared?: boolean | undefined;
  /**
   * The lock is not free for so long after it was taken (ms, or text such as '30s'), however soon it is released, and also when its
   * process dies; on files, a dead process keeps nothing. Default: 0.
   */
  readonly minHold?: Duration | undefined;
  /**
   * The lease is lost after so long (ms, or text), with the reason `max-hold`: it is not renewed past that, and the next caller gets
   * the lock though the work still runs. Default: no limit.
   */
  readonly maxHold?: Duration | undefined;
  /**
   * When a lease ended without a release, no other holder gets the lock for so long after its deadline (ms, or text). So the last requests
   * of the old holder arrive before the next one begins. On files, a dead process keeps nothing. Default: 0.
   */
  readonly lockDelay?: Duration | undefined;
  /**
   * true: a call inside the async context of the lock's holder (`using`, `@Synchronized`) enters, under the holder's lease and without a
   * command. Calls that the holder starts side by side are inside together. Default: false, such a call waits.
   */
  readonly reentrant?: boolean | undefined;
}

/**
 * The options of one call.
 * @publicApi
 */
export interface AcquireOptions extends LockOptions {
  /** When it aborts, the call gives up its place in the queue and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The options with their durations in ms. */
export type InMs<O extends LockOptions> = Omit<O, 'blocking' | Bound | 'ttl'> & {
  readonly [D in Bound | 'ttl']?: number | undefined;
} & { readonly blocking?: boolean | number | undefined };

/** The very same object where its durations are in ms already. */
export function inMs<O extends LockOptions>(options: O): InMs<O> {
  const { ttl, blocking, minHold, maxHold, lockDelay } = options;
  // Every call passes here: no object is made for durations that are in ms already.
  const inText =
    typeof ttl === 'string' ||
    typeof blocking === 'string' ||
    typeof minHold === 'string' ||
    typeof maxHold === 'string' ||
    typeof lockDelay === 'string';
  if (!inText) return options as InMs<O>;
  const durations: InMs<LockOptions> = {
    ...inMsOf({ ttl, minHold, maxHold, lockDelay }),
    ...(blocking !== undefined && { blocking: blockingOf(blocking) }),
  };
  return { ...options, ...durations };
}

function inMsOf(durations: Readonly<Record<string, Duration | undefined>>): Record<string, number> {
  const given = Object.entries(durations).filter(
    (entry): entry is [string, Duration] => entry[1] !== undefined,
  );
  return Object.fromEntries(given.map(([name, duration]) => [name, msOf(duration)]));
}

/** The terms of one acquisition. */
export interface LockTerms {
  /** How long the lease lasts without renewal, ms. */
  readonly ttl: number;
  /** true: wait for ever · false or 0: one try · n: at most n ms. */
  readonly blocking: boolean | number;
  readonly fencing: boolean;
  readonly fair: boolean;
  readonly shared: boolean;
  readonly reentrant: boolean;
  /** Undefined for a lock without bounds, as nearly all locks are. */
  readonly bounds: LeaseBounds | undefined;
}

type Bound = keyof LeaseBounds;

/** The options of the call; where it has none, those of its lock; and else those of the coordinator. */
export function lockTerms(
  usual: Omit<LockTerms, 'fair' | 'shared' | 'reentrant' | 'bounds'>,
  lock: InMs<LockOptions>,
  call: InMs<LockOptions> = lock,
): LockTerms {
  return {
    ttl: call.ttl ?? lock.ttl ?? usual.ttl,
    blocking: call.blocking ?? lock.blocking ?? usual.blocking,
    fencing: call.fencing ?? lock.fencing ?? usual.fencing,
    fair: call.fair ?? lock.fair ?? false,
    shared: call.shared ?? lock.shared ?? false,
    reentrant: call.reentrant ?? lock.reentrant ?? false,
    bounds: boundsOf(lock, call),
  };
}

function boundsOf(lock: InMs<LockOptions>, call: InMs<LockOptions>): LeaseBounds | undefined {
  const minHold = call.minHold ?? lock.minHold;
  const maxHold = call.maxHold ?? lock.maxHold;
  const lockDelay = call.lockDelay ?? lock.lockDelay;
  if (minHold === undefined && maxHold === undefined && lockDelay === undefined) return undefined;
  return { minHold: minHold ?? 0, maxHold: maxHold ?? Infinity, lockDelay: lockDelay ?? 0 };
}

/** The options that a lock, one acquisition and a synchronized method have alike. */
export const LOCK_OPTIONS = [
  'ttl',
  'blocking',
  'fencing',
  'fair',
  'shared',
  'minHold',
  'maxHold',
  'lockDelay',
  'reentrant',
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

function boundProblems({ minHold, maxHold, lockDelay }: LockOptions): string[] {
  const problems: string[] = [];
  if (minHold !== undefined) problems.push(...checkKept('minHold', minHold));
  if (maxHold !== undefined) problems.push(...checkPositive('maxHold', maxHold));
  if (lockDelay !== undefined) problems.push(...checkKept('lockDelay', lockDelay));
  if (
    problems.length === 0 &&
    minHold !== undefined &&
    maxHold !== undefined &&
    msOf(minHold) > msOf(maxHold)
  )
    problems.push(`minHold must not be above maxHold, got ${shown(minHold)} and ${shown(maxHold)}`);
  return problems;
}

/** Every wrong option, as a sentence that names it. */
export function lockOptionProblems(options: AcquireOptions): string[] {
  const problems: string[] = [];
  if (options.ttl !== undefined) problems.push(...checkTtl('ttl', options.ttl));
  if (options.blocking !== undefined) problems.push(...checkBlocking('blocking', options.blocking));
  if (options.fencing !== undefined) problems.push(...checkBoolean('fencing', options.fencing));
  if (options.fair !== undefined) problems.push(...checkBoolean('fair', options.fair));
  if (options.shared !== undefined) problems.push(...checkBoolean('shared', options.shared));
  if (options.reentrant !== undefined) problems.push(...checkBoolean('reentrant', options.reentrant));
  problems.push(...boundProblems(options));
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    problems.push('signal must be an AbortSignal');
  }
  return problems;
}
