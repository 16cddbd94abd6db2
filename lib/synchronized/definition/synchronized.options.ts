import type { Observable } from 'rxjs';
import { LOCK_OPTIONS, lockOptionProblems, type LockOptions, unknownOption } from '../../lock/index.js';
import { permitProblems } from '../../semaphores/index.js';
import { checkBoolean, shown } from '../../common/checks.js';
import { InvalidOptionsError } from '../../errors.js';

/** What a method under `@Synchronized` may return. */
export type SynchronizedResult = Promise<unknown> | Observable<unknown> | AsyncIterable<unknown>;

/**
 * Makes the lock's name out of the method's arguments; or a list of names, whose locks are taken together.
 * @publicApi
 */
export type LockNameFunction<Args extends never[] = never[]> = (...args: Args) => string | readonly string[];

/**
 * Makes the name of `@Limited` out of the method's arguments. A permit is of one semaphore, so there is no list.
 * @publicApi
 */
export type LimitNameFunction<Args extends never[] = never[]> = (...args: Args) => string;

/**
 * The options of `@Synchronized`: those of a lock, and how the lock goes with the method's call.
 * @publicApi
 */
export interface SynchronizedOptions extends LockOptions {
  /** The name of the coordinator, where the application has several. */
  readonly coordinator?: string | undefined;
  /**
   * 'throw' (the default): LockAcquireFailedError · 'skip': return undefined without running, as a cron job wants; it
   * then tries once, unless `blocking` says how long to wait.
   */
  readonly onNotAcquired?: 'throw' | 'skip' | undefined;
  /** 'throw' (the default): LeaseLostError when the body has settled · 'warn': keep the result, log it. */
  readonly onLost?: 'throw' | 'warn' | undefined;
  /**
   * true: a handler's lock, whose name has no parameter in it, is taken before any other interceptor begins, so that one
   * that opens a transaction does so under the lock. Otherwise it is taken when the handler's arguments are known, after
   * an upload was read, and not at all where an interceptor answers from a cache.
   */
  readonly beforeInterceptors?: boolean | undefined;
  /**
   * 'request': inside of a request (HTTP, GraphQL, a message), the lock is kept until the outermost interceptor has ended, so that a
   * transaction around the call commits under it. The calls of the request that take the same lock this way share it. Elsewhere, as in a
   * cron job, the lock is given back when the call has ended.
   */
  readonly until?: 'request' | undefined;
  /**
   * true: another method takes a lock of the same constant name on purpose, so that the two exclude each other. Without it
   * on each of them, a start warns of a name that several methods have.
   */
  readonly shareLock?: boolean | undefined;
  /**
   * The kind of the method's result, where its signature does not tell. 'promise' also says that the lock is given back when
   * the promise has settled, even when its value is read later: an Observable, a stream.
   */
  readonly returns?: 'promise' | 'observable' | 'async-iterable' | undefined;
}

/**
 * The options of `@Limited`. A permit has no fencing token, and only one holder at a time.
 * @publicApi
 */
export type LimitedOptions = Omit<SynchronizedOptions, (typeof OF_LOCKS_ALONE)[number]>;

/** The options that only a lock has, and no permit. */
const OF_LOCKS_ALONE = [
  'fencing',
  'shared',
  'shareLock',
  'minHold',
  'maxHold',
  'lockDelay',
  'reentrant',
  'until',
] as const satisfies (keyof SynchronizedOptions)[];

const CHOICES = {
  onNotAcquired: ['throw', 'skip'],
  onLost: ['throw', 'warn'],
  until: ['request'],
  returns: ['promise', 'observable', 'async-iterable'],
} as const;

const KNOWN: readonly string[] = [
  ...LOCK_OPTIONS,
  'coordinator',
  'beforeInterceptors',
  'shareLock',
  ...Object.keys(CHOICES),
];

const KNOWN_OF_LIMITED = KNOWN.filter((key) => !OF_LOCKS_ALONE.some((other) => other === key));

/** @throws InvalidOptionsError that names the wrong options, with `where` in front */
export function checkLimitedOptions(permits: unknown, options: LimitedOptions, where: string): void {
  check(options, where, KNOWN_OF_LIMITED, permitProblems(permits));
}

/** @throws InvalidOptionsError that names the wrong options, with `where` in front */
export function checkSynchronizedOptions(options: SynchronizedOptions, where: string): void {
  check(options, where, KNOWN, []);
}

function check(
  options: SynchronizedOptions,
  where: string,
  known: readonly string[],
  more: readonly string[],
): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null) {
    throw new InvalidOptionsError(`${where}: its options must be an object, got ${shown(given)}`);
  }
  const problems = [...more];
  const { coordinator }: { readonly coordinator?: unknown } = options;
  if (coordinator !== undefined && (typeof coordinator !== 'string' || coordinator === '')) {
    problems.push(`coordinator must be the name of a coordinator, got ${shown(coordinator)}`);
  }
  const { beforeInterceptors }: { readonly beforeInterceptors?: unknown } = options;
  if (beforeInterceptors !== undefined && typeof beforeInterceptors !== 'boolean') {
    problems.push(`beforeInterceptors must be true or false, got ${shown(beforeInterceptors)}`);
  }
  const { shareLock }: { readonly shareLock?: unknown } = options;
  if (shareLock !== undefined) problems.push(...checkBoolean('shareLock', shareLock));
  for (const [key, value] of Object.entries(options)) {
    if (!known.includes(key)) problems.push(unknownOption(key, known));
    const choices: readonly unknown[] | undefined = CHOICES[key as keyof typeof CHOICES];
    if (choices && value !== undefined && !choices.includes(value)) {
      problems.push(`${key} must be one of ${choices.map(shown).join(', ')}, got ${shown(value)}`);
    }
  }
  const ofLocks = Object.entries(options).filter(([key]) => LOCK_OPTIONS.some((option) => option === key));
  problems.push(...lockOptionProblems(Object.fromEntries(ofLocks)));
  if (problems.length > 0) throw new InvalidOptionsError(`${where}: ${problems.join('; ')}`);
}
