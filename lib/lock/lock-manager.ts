import { randomUUID } from 'node:crypto';
import { Bag } from '../common/bag.js';
import type { Cancellation } from '../common/cancellation.js';
import type { Clock } from '../common/clock.js';
import type { CoordinatorEmitter } from '../common/coordinator.emitter.js';
import { Schedule } from '../common/schedule.js';
import type { Driver, DriverHealth, Loss, RecordStore } from '../drivers/driver.js';
import {
  type AcquireCall,
  Acquirer,
  type AcquireResult,
  type AcquireTerms,
  Drain,
  LeaseGrant,
  type LeaseHandle,
  type NotAcquired,
  WaitLimit,
} from './acquire/index.js';
import { breakLock, takeAway } from './break.js';
import { Calls, Idle } from './calls.js';
import { hasHolder, isHolder } from './holders.js';
import { type HeldLease, LeaseReports, type LockLog, type ReportContext } from './lease/index.js';
import { type Companion, Heartbeat } from './renewal/index.js';
import { type LeaseHolding, LeaseMaker } from './lease-holding.js';

export interface LockManagerSettings {
  readonly agentId: string;
  readonly prefix: string;
  readonly memberId: string;
  readonly ttl: number;
  readonly heartbeat: number;
  readonly blocking: boolean | number;
  readonly fencing: boolean;
}

export interface LockManagerContext extends ReportContext {
  readonly driver: Driver;
}

/**
 * The leases of one coordinator, from its start to its stop. A call (`Calls`) gets a grant from the `Acquirer`; the `LeaseMaker` makes a lease
 * of it, whose `LeaseHolding` keeps it alive with the heartbeat.
 */
export class LockManager {
  readonly drain: Drain;
  /** Names this start of the coordinator: two processes with one `agentId` differ in it. */
  readonly incarnation = randomUUID();
  readonly #held = new Bag<LeaseHolding>();
  readonly #reports: LeaseReports;
  readonly #schedule: Schedule;
  readonly #heartbeat: Heartbeat;
  readonly #acquirer: Acquirer;
  readonly #maker: LeaseMaker;
  readonly #calls: Calls;
  readonly #idle: Idle;

  constructor(
    readonly settings: LockManagerSettings,
    private readonly context: LockManagerContext,
  ) {
    const { clock, driver } = context;
    this.#reports = new LeaseReports(settings.memberId, context);
    this.drain = new Drain(clock);
    this.#schedule = new Schedule(clock);
    this.#heartbeat = new Heartbeat(driver, clock, this.#schedule, {
      memberId: settings.memberId,
      incarnation: this.incarnation,
      ttl: settings.ttl,
      period: settings.heartbeat,
      warn: (message) => this.#reports.warn(message),
    });
    this.#acquirer = new Acquirer(settings, driver, clock);
    this.#idle = new Idle(clock, () => this.#held.size > 0 || this.#calls.underWay > 0);
    this.#calls = new Calls({
      memberId: settings.memberId,
      owner: this,
      schedule: this.#schedule,
      reports: this.#reports,
      idle: this.#idle,
    });
    this.#maker = new LeaseMaker({
      clock,
      schedule: this.#schedule,
      memberId: settings.memberId,
      owner: this,
      driver,
      drain: this.drain,
      heartbeat: this.#heartbeat,
      reports: this.#reports,
      held: this.#held,
      onEnd: (queue, leftover) => {
        this.#acquirer.leave(queue, leftover);
        this.#idle.check();
      },
    });
  }

  get memberId(): string {
    return this.settings.memberId;
  }

  /** The port itself. Keys in it begin with the prefix, whether of locks or of records. */
  get driver(): Driver {
    return this.context.driver;
  }

  /** The records of members, runs and leaders. */
  get records(): RecordStore {
    return this.driver.records;
  }

  /** The state of the driver's nodes, where it has any. */
  get driverHealth(): DriverHealth | undefined {
    return this.driver.health?.();
  }

  /** How long ago the last heartbeat was sent that the back end has confirmed, ms. */
  get heartbeatAge(): number {
    return this.#heartbeat.presence.age;
  }

  /** Resolves when the back end has answered a question. @throws BackendUnavailableError in bounded time */
  askBackend(): Promise<void> {
    return this.#heartbeat.presence.look();
  }

  /** Whether a lock can be `fair`. */
  get keepsOrder(): boolean {
    return this.driver.queue !== undefined;
  }

  get clock(): Clock {
    return this.context.clock;
  }

  get events(): CoordinatorEmitter {
    return this.context.events;
  }

  get log(): LockLog {
    return this.context.log;
  }

  /** How many leases are held, and how many calls are on their way to one. */
  get usage(): { readonly held: number; readonly waiting: number } {
    return { held: this.#held.size, waiting: this.#calls.underWay };
  }

  /** What is held now: each holding has its lease, its beginning and its origin. */
  get holdings(): readonly LeaseHolding[] {
    return this.#held.items();
  }

  /** The calls that wait now, in the order in which they began to wait. */
  get waitingCalls(): readonly AcquireCall[] {
    return this.#calls.waiting;
  }

  start(): Promise<void> {
    return this.#heartbeat.start();
  }

  /** Calls the companion after each heartbeat but the first. */
  accompany(companion: Companion): void {
    this.#heartbeat.accompany(companion);
  }

  /**
   * Refuses the calls that still wait, gives holders what is left of `timeout` ms to end, and then lets go. A lease whose
   * work still runs is not released under it, but aborted and no longer renewed.
   */
  async stop(timeout: number): Promise<void> {
    this.drain.begin(timeout);
    await this.#idle.within(timeout);
    this.drain.finish();
    for (const { lease } of this.holdings.filter((holding) => holding.lease.held))
      lease.lose({ reason: 'stopped', message: 'the coordinator stopped while its work was still running' });
    // Leases whose work has ended are being released, and calls that were refused just now leave a try behind. The driver
    // answers each in bounded time.
    await Promise.all([this.#idle.within(), this.#heartbeat.stop()]);
    await this.#acquirer.settled();
    this.#schedule.clear();
  }

  waitLimit(blocking: boolean | number, signal?: AbortSignal | Cancellation): WaitLimit {
    return new WaitLimit(this.context.clock, blocking, this.drain, signal);
  }

  /**
   * Takes a lease on the name, waiting as long as the wait limit allows.
   * @param handle that shall carry the lease: callers with the same handle wait in its queue first
   * @throws the signal's reason when it aborts; BackendUnavailableError when the back end cannot be asked.
   */
  acquire(terms: AcquireTerms, handle?: LeaseHandle): Promise<AcquireResult> {
    if (terms.waitLimit.cancelled) return this.#turnAway(terms);
    const since = terms.since ?? this.clock.monotonic();
    const call = this.#calls.begin(terms, handle, since);
    return this.#acquirer.acquire(call).then(
      (result) =>
        result instanceof LeaseGrant ? this.#take(call, result) : this.#calls.refuse(call, result),
      (error: unknown) => this.#calls.fail(call, error),
    );
  }

  async #turnAway(terms: AcquireTerms): Promise<AcquireResult> {
    return this.#calls.refuse(this.#calls.begin(terms, undefined, this.clock.monotonic()), {});
  }

  /** @param since when the call came, on the monotonic clock, ms */
  tellRefused(terms: AcquireTerms, since: number): void {
    this.#reports.refused(terms, since);
  }

  /** Frees the lock, also when another process holds it. */
  break(name: string): Promise<boolean> {
    return this.#calls.include(breakLock(this.driver.locks, this.settings.prefix, name, this.holdings));
  }

  /** Ends a lease of this member before the back end says so; returns whether the grant with this id was held here. */
  takeAway(id: string, loss: Loss): boolean {
    return takeAway(this.holdings, id, loss);
  }

  /** Whether any member holds the lock. @throws BackendUnavailableError */
  isHeld(name: string): Promise<boolean> {
    return hasHolder(this.driver.locks, this.settings.prefix + name);
  }

  /** @throws BackendUnavailableError when that cannot be told */
  isStillOwner({ leases }: HeldLease): Promise<boolean> {
    return isHolder(this.driver.locks, leases, this.memberId);
  }

  /** Equal keys are one lock. */
  keyOf(name: string): string {
    return this.driver.locks.keyOf(this.settings.prefix + name);
  }

  #take(call: AcquireCall, grant: LeaseGrant): HeldLease | Promise<NotAcquired> {
    // The caller, or the coordinator, may have stopped since the grant came.
    if (call.terms.waitLimit.cancelled)
      return this.#acquirer.decline(grant).then(() => this.#calls.refuse(call, {}));
    const lease = this.#maker.make(call, grant);
    this.#calls.end(call);
    return lease;
  }
}
