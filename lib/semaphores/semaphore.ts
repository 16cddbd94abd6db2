import type { CallOrigin } from '../common/call-origin.js';
import { shown } from '../common/checks.js';
import { quoted } from '../common/quoted.js';
import { InvalidOptionsError, LockNameError } from '../errors.js';
import { HeldLease, type Lease, runAndFinish } from '../lock/lease/index.js';
import {
  type AcquireOptions,
  inMs,
  type InMs,
  lockManagerOf,
  lockOptionProblems,
  type LockOptions,
  type LockProvider,
  lockTerms,
  unknownOption,
} from '../lock/index.js';
import { permitLock, permitProblems } from './permits.js';
import { limitReached, type PermitTerms, takePermit } from './take-permit.js';

/**
 * The options of a semaphore. A call may say otherwise. A permit has no fencing token, as a semaphore has several holders.
 * @publicApi
 */
export type SemaphoreOptions = Pick<LockOptions, 'ttl' | 'blocking' | 'fair'>;

/**
 * The options of one permit: those of the semaphore, and a `signal` that ends the waiting.
 * @publicApi
 */
export type PermitOptions = SemaphoreOptions & Pick<AcquireOptions, 'signal'>;

const OPTIONS = ['ttl', 'blocking', 'fair'];

/** The arguments of `using`, with and without options. */
type UsingArguments<T> = [(lease: Lease) => T] | [PermitOptions, (lease: Lease) => T];

/**
 * A number of permits, each of which one caller holds at a time, over all replicas. A permit is a lease of its own: it is renewed while
 * its holder works, and can be lost. One handle gives any number of them.
 *
 * @example
 * const exports = coordinator.getSemaphore('exports', 3);
 * await exports.using({ blocking: 5000 }, (permit) => exportAll(permit.signal));
 *
 * @publicApi
 */
export class Semaphore {
  /** The semaphore's name. */
  readonly name: string;
  /** How many callers have a permit at most. */
  readonly permits: number;
  readonly #provider: LockProvider;
  readonly #options: InMs<SemaphoreOptions>;
  readonly #origin: CallOrigin;

  /** @internal */
  constructor(name: string, permits: number, provider: LockProvider, options: SemaphoreOptions = {}) {
    if (typeof name !== 'string' || name === '')
      throw new LockNameError(
        `getSemaphore: the name of a semaphore must be a non-empty string, got ${shown(name)}`,
      );
    check(options, OPTIONS, `Semaphore ${quoted(name)}`, permitProblems(permits));
    this.name = name;
    this.permits = permits;
    this.#provider = provider;
    this.#options = inMs(options);
    this.#origin = { permits };
  }

  /**
   * Takes a permit as a lease to be disposed of.
   *
   * @throws LimitReachedError when no permit was free within the time limit; the reason of the signal when it aborts;
   * BackendUnavailableError
   * @example
   * await using permit = await semaphore.hold({ blocking: 5000 });
   */
  async hold(options: PermitOptions = {}): Promise<Lease> {
    return this.#hold(options, '');
  }

  /**
   * Runs `body` with a permit, and gives it back when the body has settled.
   *
   * @returns what the body returns
   * @throws what the body throws; otherwise LeaseLostError when the permit was lost while it ran; as `hold`
   */
  using<T>(body: (lease: Lease) => T): Promise<Awaited<T>>;
  using<T>(options: PermitOptions, body: (lease: Lease) => T): Promise<Awaited<T>>;
  async using<T>(...args: UsingArguments<T>): Promise<Awaited<T>> {
    const [options, body] = args.length === 1 ? [{}, args[0]] : args;
    if (typeof body !== 'function')
      throw new InvalidOptionsError(
        `Semaphore ${quoted(this.name)}: the last argument of using must be the function to run, got ${shown(body)}`,
      );
    const label = body.name || 'an anonymous function';
    return runAndFinish(await this.#hold(options, label), label, body);
  }

  /**
   * How many permits are free at this moment, for people and gauges: by the time of the answer another caller may have one.
   * @throws BackendUnavailableError
   */
  async available(): Promise<number> {
    const manager = lockManagerOf(this.#provider, `Semaphore ${quoted(this.name)}`);
    const held = await Promise.all(
      Array.from({ length: this.permits }, (_, slot) => manager.isHeld(permitLock(this.name, slot))),
    );
    return held.filter((each) => !each).length;
  }

  /** The properties that logs show. */
  toJSON(): object {
    const { name, permits } = this;
    return { name, permits };
  }

  async #hold(given: PermitOptions, label: string): Promise<HeldLease> {
    const where = `Semaphore ${quoted(this.name)}`;
    check(given, [...OPTIONS, 'signal'], where);
    const manager = lockManagerOf(this.#provider, where);
    const { ttl, blocking, fair } = lockTerms(manager.settings, this.#options, inMs(given));
    const { name, permits } = this;
    const terms: PermitTerms = {
      name,
      permits,
      ttl,
      blocking,
      fair,
      signal: given.signal,
      label,
      origin: this.#origin,
    };
    const result = await takePermit(manager, terms);
    if (result instanceof HeldLease) return result;
    throw limitReached(manager, terms, result);
  }
}

function check(options: PermitOptions, known: readonly string[], where: string, more: string[] = []): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null)
    throw new InvalidOptionsError(`${where}: its options must be an object, got ${shown(given)}`);
  const problems = [...more];
  for (const key of Object.keys(options)) if (!known.includes(key)) problems.push(unknownOption(key, known));
  problems.push(...lockOptionProblems(options));
  if (problems.length > 0) throw new InvalidOptionsError(`${where}: ${problems.join('; ')}`);
}
