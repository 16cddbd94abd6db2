import { outsideCalls } from './common/clock.js';
import { connectEngine, type Engine, type EngineContext } from './coordinator.engine.js';
import { OutageLog } from './coordinator.outage-log.js';
import type { BackendChange, Driver } from './drivers/driver.js';
import type { Elections } from './elections/index.js';
import type { LockManager } from './lock/index.js';

export interface LifecycleContext extends Omit<EngineContext, 'onBackendChange'> {
  readonly elections: Elections;
  /** Called at each start; returns the function to call at its stop. */
  readonly onStarted: () => () => void;
}

/** The starts and stops of one coordinator. They run one after the other, and the last call wins. */
export class Lifecycle {
  readonly #outages: OutageLog;
  #running?: Engine & { readonly unregister: () => void };
  #goal: 'started' | 'stopped' = 'stopped';
  /** Starts and stops run one after the other; this is the last of them. */
  #transition: Promise<void> = Promise.resolve();
  /** Cuts the last start short, if it is not done. */
  #starting = new AbortController();
  #drainUntil?: number;

  constructor(private readonly context: LifecycleContext) {
    this.#outages = new OutageLog(context.log, context.clock);
  }

  /** Defined between a successful start and the stop. */
  get manager(): LockManager | undefined {
    return this.#running?.manager;
  }

  /** Does nothing when started. */
  start(): Promise<void> {
    if (this.#goal === 'started') return this.#transition;
    this.#goal = 'started';
    const { signal } = (this.#starting = new AbortController());
    const transition = this.#after(() => this.#start(signal));
    this.#transition = transition;
    transition.catch(() => {
      // Unless a later call has set another goal.
      if (this.#transition === transition) this.#goal = 'stopped';
    });
    return transition;
  }

  /** Cuts a start short; does nothing when stopped. Bounded also when the back end is down. */
  stop(): Promise<void> {
    if (this.#goal === 'stopped') return this.#transition.catch(() => undefined);
    this.#goal = 'stopped';
    this.#starting.abort();
    // At once: the caller of stop() must not find this replica leading.
    this.drain();
    this.#transition = this.#after(() => this.#stop());
    return this.#transition;
  }

  /** Gives waiters and holders `stopTimeout` from now on. This replica leads no more. Runs once for each start. */
  drain(): void {
    if (!this.#running || this.#drainUntil !== undefined) return;
    const { clock, log, elections, options } = this.context;
    const { manager } = this.#running;
    this.#drainUntil = clock.monotonic() + options.stopTimeout;
    const { held, waiting } = manager.usage;
    const ofElections = elections.usage;
    elections.leave();
    log.stopping(
      { held: held - ofElections.held, waiting: waiting - ofElections.waiting },
      options.stopTimeout,
    );
    manager.drain.begin(options.stopTimeout);
  }

  #after(step: () => Promise<void>): Promise<void> {
    // Outside the context of the call: its start or stop serves all other calls too.
    const next = outsideCalls(() => this.#transition.then(step, step));
    // The caller gets the rejection; the chain itself must not count as unhandled.
    next.catch(() => undefined);
    return next;
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { log, elections, onStarted } = this.context;
    const onBackendChange = (driver: Driver, change: BackendChange): void => this.#tell(driver, change);
    const { driver, manager } = await connectEngine({ ...this.context, onBackendChange }, signal);
    this.#drainUntil = undefined;
    const unregister = onStarted();
    this.#running = { driver, manager, unregister };
    log.started(driver);
    elections.begin(manager);
  }

  async #stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    const { clock, log, elections } = this.context;
    // The stop was called while the coordinator was still starting.
    this.drain();
    const timeLeft = (this.#drainUntil ?? 0) - clock.monotonic();
    await running.manager.stop(Math.max(0, timeLeft));
    await elections.left();
    this.#running = undefined;
    this.#outages.end(running.driver);
    running.unregister();
    await running.driver.stop();
    log.stopped();
  }

  #tell(driver: Driver, change: BackendChange): void {
    const { memberId, clock, events } = this.context;
    const event = { memberId, at: clock.wall() };
    if (this.#running) outsideCalls(() => this.#outages.tell(driver, change));
    if (change.state === 'up') events.announce('backend.up', () => event);
    else events.announce('backend.down', () => ({ ...event, error: change.cause }));
  }
}
