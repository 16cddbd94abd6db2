import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { inspect, type InspectOptions } from 'node:util';
import { type Clock, systemClock } from './common/clock.js';
import { type CoordinationOptions, resolveOptions } from './coordination.options.js';
import { CoordinatorEmitter } from './common/coordinator.emitter.js';
import type { CoordinatorEventName, CoordinatorEvents } from './common/coordinator.events.js';
import { Lifecycle } from './coordinator.lifecycle.js';
import { CoordinatorLog } from './coordinator.log.js';
import { type Election, Elections } from './elections/index.js';
import { type CoordinatorInspection, Inspection } from './inspection/index.js';
import type { Lease } from './lock/lease/index.js';
import {
  type AcquireOptions,
  Lock,
  LOCK_MANAGER,
  type LockManager,
  lockManagerOf,
  type LockOptions,
  type LockProvider,
  registerRunning,
  type UsingArguments,
} from './lock/index.js';
import { literalLockName } from './lock/name/index.js';
import { checkOnce, forgetOnce, type LastRun, lastRunOf, Once, type OnceOptions } from './runs/index.js';
import { Semaphore, type SemaphoreOptions } from './semaphores/index.js';
import { shown } from './common/checks.js';
import { quoted } from './common/quoted.js';

/** The clock and the random numbers, for tests that drive them. @internal */
export interface CoordinatorRuntime {
  readonly clock?: Clock;
  readonly random?: () => number;
  /** false: another replica of the same process, which `new Lock(name)` does not find. */
  readonly listed?: boolean;
  /** Called with the coordinator when it is made. */
  readonly onMade?: (coordinator: CoordinatorService, name: string | undefined) => void;
}

/** The key of the {@link CoordinatorRuntime} in the options of a test. @internal */
export const RUNTIME = Symbol('runtime');

/**
 * One member's connection to the back end. It gives locks, and renews the leases of their holders while it is started.
 *
 * @example
 * constructor(private readonly coordinator: CoordinatorService) {}
 *
 * async nightly() {
 *   await this.coordinator.using('nightly', { blocking: false }, () => this.report());
 * }
 *
 * @publicApi
 */
@Injectable()
export class CoordinatorService
  implements LockProvider, OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown
{
  /** What the back end knows of locks, members and jobs, for people and tools. */
  readonly inspect: CoordinatorInspection = new Inspection(this);

  readonly #agentId: string;
  readonly #prefix: string;
  readonly #log: CoordinatorLog;
  readonly #events: CoordinatorEmitter;
  readonly #elections: Elections;
  readonly #lifecycle: Lifecycle;

  /**
   * @param name the coordinator's name, where an application has several
   * @throws InvalidOptionsError that lists everything that is wrong with the options
   */
  constructor(options?: CoordinationOptions, name?: string);
  /** @internal */
  constructor(options: CoordinationOptions, name: string | undefined, runtime: CoordinatorRuntime);
  constructor(options: CoordinationOptions = {}, name?: string, runtime: CoordinatorRuntime = {}) {
    const resolved = resolveOptions(options);
    const { agentId, prefix, candidate, stopTimeout } = resolved;
    const { clock = systemClock, random = Math.random, listed = true } = runtime;
    this.#agentId = agentId;
    this.#prefix = prefix;
    this.#log = new CoordinatorLog(agentId, prefix);
    this.#events = new CoordinatorEmitter((message, error) => this.#log.error(message, error), name);
    this.#elections = new Elections(this, { candidate, stopTimeout, random, log: this.#log });
    this.#lifecycle = new Lifecycle({
      options: resolved,
      memberId: this.memberId,
      clock,
      random,
      log: this.#log,
      events: this.#events,
      elections: this.#elections,
      onStarted: () => (listed ? registerRunning(this, name) : () => undefined),
    });
    runtime.onMade?.(this, name);
  }

  /** Names this replica. */
  get agentId(): string {
    return this.#agentId;
  }

  /** In front of the member id and of every lock name. */
  get prefix(): string {
    return this.#prefix;
  }

  /** `prefix` + `agentId`. */
  get memberId(): string {
    return this.prefix + this.agentId;
  }

  /** True between a successful `start` and `stop`. */
  get started(): boolean {
    return this.#lifecycle.manager !== undefined;
  }

  /** @internal */
  get [LOCK_MANAGER](): LockManager | undefined {
    return this.#lifecycle.manager;
  }

  /**
   * Connects to the back end and starts the heartbeat; does nothing when started. The module calls it in
   * `onModuleInit`.
   *
   * @throws BackendUnavailableError when the back end cannot be used, at once or after `startTimeout` ms, or when `stop`
   * was called meanwhile; `started` is then false, and it can be called again
   */
  start(): Promise<void> {
    return this.#lifecycle.start();
  }

  /**
   * Cuts a start short, refuses waiters, gives running work up to `stopTimeout` ms to end, and disconnects; does nothing when stopped.
   * A lease whose work still runs then is not released under it. Its signal aborts, and the lease ends with its ttl (on files and
   * in memory: with its work, or the process).
   * Bounded also when the back end is down.
   */
  stop(): Promise<void> {
    return this.#lifecycle.stop();
  }

  /**
   * A handle on the lock with exactly this name; no placeholder in it is filled in. Several names are taken together, all or none, in
   * whatever order they are given.
   *
   * @throws LockCreationFailedError when the coordinator is not started
   * @throws LockNameError when the name is not a non-empty string
   * @example
   * const lease = await coordinator.getLock([`share-${from}`, `share-${to}`]).hold();
   */
  getLock(name: string | readonly string[], options: LockOptions = {}): Lock {
    lockManagerOf(this, `getLock(${typeof name === 'string' ? quoted(name) : shown(name)})`);
    const literal = Array.isArray(name) ? name.map(literalLockName) : literalLockName(name as string);
    return new Lock(literal, {}, this, options);
  }

  /**
   * Runs `body` under the lock with this name, or under several locks, which are taken together.
   *
   * @returns what the body returns
   * @throws what the body throws; LockAcquireFailedError when another holder had the lock for all the time allowed;
   * LeaseLostError when the lease was lost while the body ran; BackendUnavailableError
   * @example
   * await coordinator.using(`share-${id}`, { blocking: 500 }, (lease) => extend(id, lease.signal));
   */
  using<T>(name: string | readonly string[], body: (lease: Lease) => T): Promise<Awaited<T>>;
  using<T>(
    name: string | readonly string[],
    options: AcquireOptions,
    body: (lease: Lease) => T,
  ): Promise<Awaited<T>>;
  async using<T>(name: string | readonly string[], ...args: UsingArguments<T>): Promise<Awaited<T>> {
    const lock = this.getLock(name);
    return args.length === 1 ? lock.using(args[0]) : lock.using(args[0], args[1]);
  }

  /**
   * A semaphore: at most so many callers have a permit of that name at a time, over all replicas. Two semaphores with one name and
   * different numbers share the permits that both have.
   *
   * @param permits a whole number from 1 to 1000
   * @throws LockCreationFailedError when the coordinator is not started
   * @throws InvalidOptionsError, LockNameError
   * @example
   * await using permit = await coordinator.getSemaphore('exports', 3).hold({ blocking: 5000 });
   */
  getSemaphore(name: string, permits: number, options: SemaphoreOptions = {}): Semaphore {
    lockManagerOf(this, `getSemaphore(${typeof name === 'string' ? quoted(name) : shown(name)})`);
    return new Semaphore(name, permits, this, options);
  }

  /**
   * Does something once over all replicas: a migration, a seed, the warm-up of a cache. One replica runs the body under a lock; the
   * others wait until it has ended, and go on. It is remembered for as long as the back end remembers, so the body must be safe to repeat
   * after a flush. Await it in `onModuleInit`: the application then listens only when the work is done.
   *
   * When the body fails, this call rejects with its error, and the next waiting call tries. When the replica is killed, another one runs it.
   *
   * @returns true when this call ran the body; false when it was done already, or with `wait: false` is being done elsewhere
   * @throws what the body throws; OnceFailedError when it has failed `attempts` times over all replicas; LeaseLostError when the
   * lease was lost meanwhile; BackendUnavailableError
   * @example
   * async onModuleInit() {
   *   await this.coordinator.once('seed-v42', () => this.seed());
   * }
   */
  async once(name: string, body: (lease: Lease) => unknown, options: OnceOptions = {}): Promise<boolean> {
    checkOnce(name, body, options);
    return new Once(lockManagerOf(this, `once(${quoted(name)})`), name, options).run(body);
  }

  /**
   * Forgets what `once` remembers of that name, so that it is done again.
   * @returns whether anything was known of it
   * @throws BackendUnavailableError
   */
  async forget(name: string): Promise<boolean> {
    return forgetOnce(lockManagerOf(this, `forget(${quoted(name)})`), name);
  }

  /**
   * The latest run of a job under `@RunOnce`, on whichever replica.
   * @returns undefined when no run is known
   * @throws BackendUnavailableError
   */
  async lastRun(name: string): Promise<LastRun | undefined> {
    return lastRunOf(lockManagerOf(this, `lastRun(${quoted(name)})`), name);
  }

  /**
   * An election among all replicas: at most one of them leads it. Can be had before the start.
   *
   * @throws InvalidOptionsError when the name is not a non-empty string
   * @example
   * const { term, signal } = await coordinator.getElection('quota').campaign();
   */
  getElection(name: string): Election {
    return this.#elections.get(name);
  }

  /**
   * Calls `listener` at every such event; one that throws is logged and changes nothing.
   *
   * @returns a function that ends it
   * @throws InvalidOptionsError for an unknown event, or a listener that is no function
   * @example
   * const stop = coordinator.on('lease.lost', ({ lock, error }) => alarm(lock, error.reason));
   */
  on<E extends CoordinatorEventName>(
    event: E,
    listener: (payload: CoordinatorEvents[E]) => void,
  ): () => void {
    return this.#events.on(event, listener);
  }

  /**
   * Starts the coordinator, and logs why it could not. Nest hands the error of a hook to the caller of `listen` or `init`, and logs
   * nothing of it.
   * @throws as {@link CoordinatorService.start}
   */
  async onModuleInit(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      this.#log.startFailed(error);
      throw error;
    }
  }

  /** From here on a waiting handler gets at most `stopTimeout`, or it would keep HTTP from draining. This replica leads no more. */
  beforeApplicationShutdown(): void {
    this.#lifecycle.drain();
  }

  /** Stops the coordinator. */
  onApplicationShutdown(): Promise<void> {
    return this.stop();
  }

  /** The properties that logs show: names, no options. */
  toJSON(): object {
    const { agentId, prefix, memberId, started } = this;
    return { agentId, prefix, memberId, started };
  }

  [inspect.custom](_depth: number, options: InspectOptions): string {
    return `CoordinatorService ${inspect(this.toJSON(), options)}`;
  }
}
