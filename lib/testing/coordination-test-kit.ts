import type { OnApplicationShutdown, OnModuleDestroy } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { shown } from '../common/checks.js';
import { type Clock, systemClock } from '../common/clock.js';
import { type Duration, msOf } from '../common/duration.js';
import { quoted } from '../common/quoted.js';
import { COORDINATION_MODULE_OPTIONS } from '../coordination.constants.js';
import type { CoordinationOptions } from '../coordination.options.js';
import { CoordinatorService } from '../coordinator.service.js';
import { InvalidOptionsError } from '../errors.js';
import type { Lease } from '../lock/lease/index.js';
import type { LastRun } from '../runs/index.js';
import { DrivenClock } from './driven-clock.js';
import { Journal, type TakenLock } from './journal.js';
import { KitOptions } from './kit-options.js';
import { Replicas } from './replicas.js';
import { runJobFor } from './run-tick.js';
import { TestBackend } from './test-backend.js';
import type { CoordinationTestingOptions } from './test-options.js';

/** The testing module of Nest while it is being built: the part that is used here. */
interface Overridable<T> {
  overrideProvider(token: unknown): {
    useFactory(options: {
      factory: (modules: ModulesContainer) => CoordinationOptions;
      inject: [typeof ModulesContainer];
    }): T;
  };
}

/**
 * Acts on the locks of the application for a test: holds them as another replica, has them lost, takes the back end away, lets time
 * pass, runs jobs. The coordinator and its locks are those of the product; the back end is a memory of the test's own.
 *
 * @example
 * const module = await Test.createTestingModule({ imports: [CoordinationTestingModule.forRoot()], providers: [Shares] }).compile();
 * await module.init();
 * const kit = module.get(CoordinationTestKit);
 * await using held = await kit.hold('share-7');
 * await expect(module.get(Shares).extend('7')).rejects.toThrow(LockAcquireFailedError);
 *
 * @publicApi
 */
export class CoordinationTestKit implements OnModuleDestroy, OnApplicationShutdown {
  /** The options of the application's coordinator, which lead to this kit. */
  readonly options: CoordinationOptions;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #backend: TestBackend;
  readonly #journal: Journal;
  readonly #replicas: Replicas;
  readonly #coordinators: { readonly coordinator: CoordinatorService; readonly name?: string }[] = [];
  #modules?: ModulesContainer;

  /**
   * @param modules those of the application, which has the jobs
   * @throws InvalidOptionsError
   */
  constructor(options: CoordinationTestingOptions = {}, modules?: ModulesContainer) {
    const { clock = 'system', ...settings } = options;
    if (clock !== 'system' && clock !== 'driven')
      throw new InvalidOptionsError(
        `CoordinationTestKit: clock must be 'system' or 'driven', got ${shown(clock)}`,
      );
    this.#clock = clock === 'driven' ? new DrivenClock(Date.now()) : systemClock;
    this.#prefix = settings.prefix ?? '';
    this.#modules = modules;
    this.#backend = new TestBackend(this.#clock);
    this.#journal = new Journal((name) => this.#backend.modeOf(this.#prefix + name));
    this.#replicas = new Replicas(settings, this.#backend);
    this.options = new KitOptions(settings, this.#backend, this, (coordinator, name) => {
      this.#coordinators.push({ coordinator, name });
      this.#journal.follow(coordinator);
    });
  }

  /**
   * Makes the coordinators of an application belong to this kit: they get the options of the kit, instead of those that the
   * application gives to `CoordinationModule.forRoot` or `forRootAsync`.
   *
   * @param builder what `Test.createTestingModule` returns
   * @returns the builder
   * @example
   * const kit = new CoordinationTestKit({ ttl: '5s' });
   * const module = await kit.override(Test.createTestingModule({ imports: [AppModule] })).compile();
   */
  override<T>(builder: Overridable<T>): T {
    const factory = (modules: ModulesContainer): CoordinationOptions => {
      this.#modules = modules;
      return this.options;
    };
    return builder
      .overrideProvider(COORDINATION_MODULE_OPTIONS)
      .useFactory({ factory, inject: [ModulesContainer] });
  }

  /**
   * Holds the lock as another replica does, until it is released or disposed of: a call that wants it waits, or is refused.
   *
   * @param name of the lock, without the prefix
   * @param options `shared`: as one of several readers
   * @returns the lease of the other replica
   * @throws LockAcquireFailedError when the lock is held already; BackendUnavailableError after `failBackend`
   * @example
   * await using held = await kit.hold('share-7');
   */
  async hold(name: string, options: { readonly shared?: boolean } = {}): Promise<Lease> {
    const holder = await this.#replicas.get('another-replica');
    return holder.getLock(name, { shared: options.shared ?? false }).hold({ blocking: false });
  }

  /**
   * Makes the application lose the lease that it holds under that name: the signal aborts, `lease.assertHeld()` throws, the call ends with
   * LeaseLostError (409), and the lock is free.
   *
   * @param name of the lock, without the prefix
   * @param message how it was lost, as a clause for the text of LeaseLostError
   * @throws InvalidOptionsError when the application does not hold it, naming the locks that it holds
   * @example
   * await kit.lose('share-7');
   */
  async lose(name: string, message = 'the test has taken it away'): Promise<void> {
    const isOurs = (memberId: string): boolean => !this.#replicas.has(memberId);
    const loss = { reason: 'broken', message } as const;
    if ((await this.#backend.lose(this.#prefix + name, isOurs, loss)) > 0) return;
    const held = this.held.map(quoted).join(', ');
    throw new InvalidOptionsError(
      `kit.lose(${quoted(name)}): the application does not hold that lock; it holds ${held || 'none'}`,
    );
  }

  /** The names of the locks that the application holds now, without the prefix, in the order in which it took them. */
  get held(): readonly string[] {
    return this.#journal.held;
  }

  /**
   * The locks that the application took while the body ran, or since its start, in the order in which it got them; those of other calls
   * at the same time are among them.
   *
   * @throws what the body throws
   * @example
   * expect(await kit.locksTaken(() => shares.move('7', '8'))).toMatchObject([{ name: 'share-7' }, { name: 'share-8' }]);
   */
  locksTaken(): readonly TakenLock[];
  locksTaken(body: () => unknown): Promise<readonly TakenLock[]>;
  locksTaken(body?: () => unknown): readonly TakenLock[] | Promise<readonly TakenLock[]> {
    return body ? this.#takenBy(body) : this.#journal.from(0);
  }

  /**
   * Takes the back end away: every call to it fails with BackendUnavailableError (503), and the event `backend.down` is emitted. Leases go
   * on until their deadline, as they cannot be renewed.
   *
   * @param message why, for BackendUnavailableError
   * @example
   * kit.failBackend();
   * await request(app.getHttpServer()).post('/shares/7').expect(503);
   * kit.restoreBackend();
   */
  failBackend(message = 'the test has taken it away'): void {
    this.#backend.fail(message);
  }

  /** Gives the back end back, with everything that it had and that has not expired; the event `backend.up` is emitted. */
  restoreBackend(): void {
    this.#backend.restore();
  }

  /**
   * Lets time pass on the driven clock: waits end, leases are renewed or run out, jobs with `every` run, each at its time.
   *
   * @param duration ms, or text such as `'30s'`
   * @returns when everything has happened that needs no more time, and no input or output
   * @throws InvalidOptionsError unless the clock is driven
   * @example
   * await kit.advance('30s');
   */
  async advance(duration: Duration): Promise<void> {
    const ms = msOf(duration);
    if (!(this.#clock instanceof DrivenClock))
      throw new InvalidOptionsError(
        `kit.advance(${shown(duration)}): the clock is that of the machine; give the test a driven one: CoordinationTestingModule.forRoot({ clock: 'driven' })`,
      );
    if (!(ms >= 0 && ms < Infinity))
      throw new InvalidOptionsError(
        `kit.advance(${shown(duration)}): the duration must be a number of ms, or text such as '30s'`,
      );
    await this.#clock.advance(ms);
  }

  /** The time of the test's clock: Unix time in ms. */
  now(): number {
    return this.#clock.wall();
  }

  /**
   * Runs the job under `@RunOnce` of that name as its scheduler does, with all its rules: a tick runs once over all replicas, and
   * `overlap` says what happens while an earlier run is not over.
   *
   * @param tick a Date, or Unix time in ms, in the past or in the future; default: now
   * @returns the latest run of the job, which is an earlier one when this tick was not run; also when the job failed: its `outcome` and
   * `error` say so. Undefined when the job has never run.
   * @throws InvalidOptionsError when the application has no such job, naming those that it has; BackendUnavailableError
   * @example
   * expect(await kit.runTick('nightly', new Date('2026-03-10T03:00Z'))).toMatchObject({ outcome: 'succeeded' });
   */
  async runTick(name: string, tick: Date | number = this.now()): Promise<LastRun | undefined> {
    return runJobFor(name, Number(tick), this.#modules, this.#coordinators);
  }

  /**
   * Another coordinator on the same back end and clock, started: another replica. It is stopped with the application.
   *
   * @param agentId names it; the same name is the same replica
   * @throws BackendUnavailableError after `failBackend`; InvalidOptionsError
   * @example
   * const other = await kit.replica('b');
   * await other.using('share-7', () => extend('7'));
   */
  replica(agentId: string): Promise<CoordinatorService> {
    return this.#replicas.get(agentId);
  }

  /** Lets the clock go by itself: no test drives it while the application closes. */
  onModuleDestroy(): void {
    if (this.#clock instanceof DrivenClock) this.#clock.letGo();
  }

  /** Ends all that the kit has made: its replicas and their leases, and the timers of its back end. */
  async onApplicationShutdown(): Promise<void> {
    await this.#replicas.stop();
    this.#backend.close();
  }

  async #takenBy(body: () => unknown): Promise<readonly TakenLock[]> {
    const start = this.#journal.size;
    await body();
    return this.#journal.from(start);
  }
}
