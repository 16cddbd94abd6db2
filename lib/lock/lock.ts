import { inspect, type InspectOptions } from 'node:util';
import { shown } from '../common/checks.js';
import { InvalidOptionsError } from '../errors.js';
import { type AcquireResult, type AcquireTerms, type LeaseHandle, LocalQueue } from './acquire/index.js';
import { checkAcquireOptions, checkLockOptions, inMs, lockTerms } from './lock.options.js';
import type { AcquireOptions, InMs, LockOptions } from './lock.options.js';
import type { Duration } from '../common/duration.js';
import { HeldLease, InnerLease, type Lease, notAcquired, runAndFinish } from './lease/index.js';
import type { LockManager } from './lock-manager.js';
import { joinedName, type LockNames, LockNameTemplate, namesOnce } from './name/index.js';
import { type LockProvider, lockManagerOf, theRunningProvider } from './lock-registry.js';
import { quoted } from '../common/quoted.js';
import { take } from './several/index.js';

const NO_OPTIONS: InMs<AcquireOptions> = {};
const NOT_HELD = Promise.resolve(false);

/**
 * A handle on a lock name, to be acquired and released again and again. It carries one lease at a time; a lost
 * lease occupies it until `release()`, so that a late `finally` never frees another holder's.
 *
 * @example
 * const lock = new Lock('share-<share.id>', { share });
 * if (await lock.acquire(500)) {
 *   try {
 *     await extend(share);
 *   } finally {
 *     await lock.release();
 *   }
 * }
 *
 * @publicApi
 */
export class Lock {
  /** The rendered name, without the coordinator's prefix; of several, all of them with ` + ` between. */
  readonly name: string;
  /** The names that are taken together; undefined for one. */
  readonly #names: readonly string[] | undefined;
  readonly #provider: LockProvider;
  readonly #options: InMs<LockOptions>;
  /** The calls that want this handle while it carries a lease. */
  readonly #handle: LeaseHandle = {
    queue: new LocalQueue(),
    onGivenBack: () => {
      this.#lease = undefined;
      this.#handle.queue.leave();
    },
  };
  #lease?: HeldLease;

  /**
   * @param name a format string: `<share.id>` is filled from `data`; or several, which are taken together: all or none
   * @param coordinator default: the one coordinator that runs in this process
   * @throws LockNameError when the name is malformed or a value is missing
   * @throws LockCreationFailedError when the coordinator is not started, or none was given and not exactly one runs
   */
  constructor(
    name: LockNames,
    data: Readonly<Record<string, unknown>> = {},
    coordinator?: LockProvider,
    options: LockOptions = {},
  ) {
    const names = renderAll(name, data);
    this.#names = typeof names === 'string' ? undefined : names;
    this.name = joinedName(names);
    const where = `Lock ${quoted(this.name)}`;
    this.#provider = coordinator ?? theRunningProvider(where);
    lockManagerOf(this.#provider, where);
    checkLockOptions(options, where);
    this.#options = inMs(options);
  }

  /** The rendered names: one, or all that are taken together. */
  get names(): readonly string[] {
    return this.#names ?? [this.name];
  }

  /** The lease, while one is held. */
  get lease(): Lease | undefined {
    return this.acquired ? this.#lease : undefined;
  }

  /** True while a lease is held. */
  get acquired(): boolean {
    return this.#lease?.held ?? false;
  }

  /**
   * Takes the lock.
   *
   * @param blocking true: wait for ever · false: one try · 500 or '5s': wait at most so long (a number is ms) · or options
   * @returns false when another holder had it for all that time
   * @throws the reason of the signal, when it aborts
   * @throws BackendUnavailableError when the back end cannot be asked (after one ttl, for a call that waits)
   */
  async acquire(blocking: boolean | Duration | AcquireOptions = NO_OPTIONS): Promise<boolean> {
    const options = typeof blocking === 'object' && blocking !== null ? blocking : { blocking };
    const manager = this.#manager;
    const acquisition = await take(manager, this.#terms(manager, options, ''), this.#handle);
    if (acquisition instanceof InnerLease) await this.#carryInner(acquisition);
    return this.#carry(acquisition);
  }

  /**
   * Gives the lock back.
   *
   * @returns false when it is not held or was lost; never frees another holder's lease
   * @throws BackendUnavailableError when the back end did not confirm it; the lock is then free after its ttl
   */
  release(): Promise<boolean> {
    return this.#lease?.release() ?? NOT_HELD;
  }

  /**
   * Asks the back end whether this handle's lease still holds the lock.
   * @throws BackendUnavailableError when it cannot be asked
   */
  async isStillOwner(): Promise<boolean> {
    const lease = this.#lease;
    return lease?.held === true && (await this.#manager.isStillOwner(lease)) && lease.held;
  }

  /**
   * Frees the lock, also when another process holds it; on files by asking the owner. The holder learns at its next renewal.
   * @returns true if it was held; of several, if one of them was
   * @throws BackendUnavailableError when the back end, or the owner of a file lock, does not answer
   */
  async break(): Promise<boolean> {
    const broken = await Promise.all(this.names.map((name) => this.#manager.break(name)));
    return broken.includes(true);
  }

  /**
   * Takes the lock as a lease to be disposed of.
   *
   * @throws LockAcquireFailedError when another holder had it for all the time allowed; otherwise as `acquire`
   * @example
   * await using lease = await lock.hold({ blocking: 500 });
   */
  async hold(options: AcquireOptions = NO_OPTIONS): Promise<Lease> {
    return this.#hold(options, '');
  }

  /**
   * Runs `body` under the lock, and gives it back when the body has settled.
   *
   * @returns what the body returns
   * @throws what the body throws; otherwise LeaseLostError when the lease was lost while it ran; as `hold`
   * @example
   * await lock.using(async (lease) => storage.write(data, { signal: lease.signal }));
   */
  using<T>(body: (lease: Lease) => T): Promise<Awaited<T>>;
  using<T>(options: AcquireOptions, body: (lease: Lease) => T): Promise<Awaited<T>>;
  async using<T>(...args: UsingArguments<T>): Promise<Awaited<T>> {
    const [options, body] = args.length === 1 ? [NO_OPTIONS, args[0]] : args;
    if (typeof body !== 'function') {
      throw new InvalidOptionsError(
        `Lock ${quoted(this.name)}: the last argument of using must be the function to run, got ${shown(body)}`,
      );
    }
    const label = body.name || 'an anonymous function';
    return runAndFinish(await this.#hold(options, label), label, body);
  }

  /** The properties that logs show. */
  toJSON(): object {
    const { name, acquired, lease } = this;
    return { name, acquired, ...(lease && { lease }) };
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `Lock ${inspect(this.toJSON(), options)}`;
  }

  get #manager(): LockManager {
    return lockManagerOf(this.#provider, () => `Lock ${quoted(this.name)}`);
  }

  async #hold(options: AcquireOptions, label: string): Promise<HeldLease> {
    const manager = this.#manager;
    const terms = this.#terms(manager, options, label);
    const acquisition = await take(manager, terms, this.#handle);
    // The inner lease ends before the lease that this handle may carry.
    if (acquisition instanceof InnerLease) return acquisition;
    if (this.#carry(acquisition)) return acquisition;
    throw notAcquired(manager, this.name, terms.waitLimit.blocking, acquisition);
  }

  #terms(manager: LockManager, given: AcquireOptions, label: string): AcquireTerms {
    if (given !== NO_OPTIONS) checkAcquireOptions(given, `Lock ${quoted(this.name)}`);
    const options = inMs(given);
    const { ttl, blocking, fencing, fair, shared, reentrant, bounds } = lockTerms(
      manager.settings,
      this.#options,
      options,
    );
    return {
      name: this.name,
      names: this.#names,
      reentrant,
      ttl,
      fencing,
      fair,
      shared,
      bounds,
      waitLimit: manager.waitLimit(blocking, options.signal),
      label,
    };
  }

  /** @throws InvalidOptionsError for the handle that carries the lease outside already */
  async #carryInner(inner: InnerLease): Promise<void> {
    if (this.#handle.queue.tryEnter()) {
      inner.whenGivenBack(() => this.#handle.onGivenBack());
      return;
    }
    await inner.finish();
    throw new InvalidOptionsError(
      `Lock ${quoted(this.name)}: this handle carries a lease already, and acquire would need a second one; use hold or using, or a handle of its own`,
    );
  }

  #carry(acquisition: AcquireResult): acquisition is HeldLease {
    if (!(acquisition instanceof HeldLease)) return false;
    this.#lease = acquisition;
    return true;
  }
}

function renderAll(names: LockNames, data: Readonly<Record<string, unknown>>): LockNames {
  const render = (name: string): string =>
    LockNameTemplate.parse(name).render((root) => data[root], 'new Lock');
  return typeof names === 'object' && names !== null
    ? namesOnce(names.map(render), 'new Lock')
    : render(names);
}

/** The arguments of `using`, with and without options. */
export type UsingArguments<T> = [(lease: Lease) => T] | [AcquireOptions, (lease: Lease) => T];
