import { randomUUID } from 'node:crypto';
import { Bag } from '../common/bag.js';
import type { Cancellation } from '../common/cancellation.js';
import type { Clock } from '../common/clock.js';
import type { CoordinatorEmitter } from '../common/coordinator.emitter.js';
import { Schedule } from '../common/schedule.js';
import type { Driver, DriverHealth, LockStore, Loss, RecordStore } from '../drivers/driver.js';
import { hasHolder, isHolder, revokeHolders } from './holders.js';
import {
  AcquireCall,
  Acquirer,
  type AcquireResult,
  type AcquireTerms,
  Drain,
  LeaseGrant,
  type LeaseHandle,
  type NotAcquired,
  refusalReason,
  throwIfCancelled,
  upgradeRefused,
  WaitLimit,
} from './acquire/index.js';
import {
  BoundedLease,
  HeldLease,
  holderInThisContext,
  holdingInThisContext,
  type LeaseBounds,
  type LeasedContext,
  LeaseReports,
  type LockLog,
  type ReportContext,
  sharerInThisContext,
} from './lease/index.js';
import { type Companion, Heartbeat } from './renewal/index.js';
import { LeaseHolding, type LeaseHoldingContext } from './lease-holding.js';

/** A call that has waited so long for the lock of its own caller may wait for ever. */
const LONG_WAIT_MS = 1000;

const BROKEN: Loss = { reason: 'broken', message: 'the lock was broken' };

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
 * The leases of one coordinator, from its start to its stop. A call gets a grant from the `Acquirer`; the manager makes a lease of it,
 * whose `LeaseHolding` keeps it alive with the heartbeat.
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
  readonly #holdings: LeaseHoldingContext;
  /** Calls of `acquire` under way. */
  #pending = 0;
  /** Told when no lease is held, and no call is under way. */
  #onIdle?: () => void;
  readonly #waiting = new Set<AcquireCall>();
  readonly #tellWaiting = (call: AcquireCall): void => {
    const { name, label } = call.terms;
    this.#refuseUpgrade(call.terms);
    const own = holdingInThisContext(this, name);
    if (own) call.expects(this.#schedule.in(LONG_WAIT_MS, () => this.#tellOfOwn(own, name, label)));
    this.#waiting.add(call);
    this.#reports.waiting(call.terms);
  };

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
    this.#holdings = {
      memberId: settings.memberId,
      owner: this,
      driver,
      drain: this.drain,
      heartbeat: this.#heartbeat,
      reports: this.#reports,
      held: this.#held,
      onEnd: (queue, leftover) => {
        this.#acquirer.leave(queue, leftover);
        this.#checkIdle();
      },
    };
  }

  get memberId(): string {
    return this.settings.memberId;
  }

  /** The port itself, for leases that have no heartbeat. */
  get driver(): Driver {
    return this.context.driver;
  }

  /** Where members, runs and leaders stand. Their keys begin with the prefix, as the names of locks do. */
  get records(): RecordStore {
    return this.context.driver.records;
  }

  /** What the driver knows of its nodes, where it knows of any. */
  get driverHealth(): DriverHealth | undefined {
    return this.context.driver.health?.();
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
    return this.context.driver.queue !== undefined;
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

  /** Who holds which lock, on all members. */
  get locks(): LockStore {
    return this.context.driver.locks;
  }

  /** How many leases are held, and how many calls are on their way to one. */
  get usage(): { readonly held: number; readonly waiting: number } {
    return { held: this.#held.size, waiting: this.#pending };
  }

  /** What is held now: since when, by which lease, and what has asked for it. */
  get holdings(): readonly LeaseHolding[] {
    return this.#held.items();
  }

  /** The calls that wait now, in the order in which they began to. */
  get waitingCalls(): readonly AcquireCall[] {
    return [...this.#waiting];
  }

  start(): Promise<void> {
    return this.#heartbeat.start();
  }

  /** To be told of each heartbeat from the next one on. */
  accompany(companion: Companion): void {
    this.#heartbeat.accompany(companion);
  }

  /**
   * Refuses the calls that still wait, gives holders what is left of `timeout` ms to end, and then lets go. A lease whose
   * work still runs is not released under it, but aborted and no longer renewed.
   */
  async stop(timeout: number): Promise<void> {
    this.drain.begin(timeout);
    await this.#idle(timeout);
    this.drain.finish();
    for (const { lease } of this.#held.items().filter((holding) => holding.lease.held))
      lease.lose({ reason: 'stopped', message: 'the coordinator stopped while its work was still running' });
    // Leases whose work has ended are being released, and calls that were refused just now leave a try behind. The driver
    // answers each in bounded time.
    await Promise.all([this.#idle(), this.#heartbeat.stop()]);
    await this.#acquirer.settled();
    this.#schedule.clear();
  }

  waitLimit(blocking: boolean | number, signal?: AbortSignal | Cancellation): WaitLimit {
    return new WaitLimit(this.context.clock, blocking, this.drain, signal);
  }

  /**
   * Takes a lease on the name, waiting as long as the wait limit allows.
   * @param handle that shall carry the lease: callers with the same one stand in its queue before
   * @throws the signal's reason when it aborts; BackendUnavailableError when the back end cannot be asked.
   */
  acquire(terms: AcquireTerms, handle?: LeaseHandle): Promise<AcquireResult> {
    if (terms.waitLimit.cancelled) return this.#turnAway(terms);
    const since = terms.since ?? this.context.clock.monotonic();
    const call = new AcquireCall(terms, handle, since, this.#tellWaiting);
    this.#pending += 1;
    return this.#acquirer.acquire(call).then(
      (result) => (result instanceof LeaseGrant ? this.#take(call, result) : this.#refuse(call, result)),
      (error: unknown) => this.#fail(call, error),
    );
  }

  async #turnAway(terms: AcquireTerms): Promise<AcquireResult> {
    const call = new AcquireCall(terms, undefined, this.context.clock.monotonic(), this.#tellWaiting);
    this.#pending += 1;
    return this.#refuse(call, {});
  }

  #refuse(call: AcquireCall, refusal: NotAcquired): NotAcquired {
    const { name, label, waitLimit } = call.terms;
    try {
      throwIfCancelled(call.terms, this.memberId);
      this.#refuseUpgrade(call.terms);
    } catch (error) {
      return this.#fail(call, error);
    }
    const holder = holderInThisContext(this, name);
    if (holder !== undefined) this.#reports.askedForOwn(name, label, holder, !waitLimit.tryOnce);
    this.#reports.refused(call.terms, call.since);
    call.leaveHandle();
    this.#end(call);
    return refusal;
  }

  /** @param since when the call came, on the monotonic clock, ms */
  tellRefused(terms: AcquireTerms, since: number): void {
    this.#reports.refused(terms, since);
  }

  /** A free lock is not asked about: only a call that has to wait can wait for its own caller. */
  #refuseUpgrade({ name, label, shared }: AcquireTerms): void {
    const sharer = shared ? undefined : sharerInThisContext(this, name);
    if (sharer !== undefined) throw upgradeRefused(name, label, sharer);
  }

  #fail(call: AcquireCall, error: unknown): never {
    this.#reports.failed(call.terms, error, refusalReason(call.terms.waitLimit, error), call.since);
    call.leaveHandle();
    this.#end(call);
    throw error;
  }

  /** Work that nobody awaits has its turn as soon as the work has ended that called it: only a long wait may be one for ever. */
  #tellOfOwn({ lease, label: holder }: LeasedContext, name: string, label: string): void {
    if (lease.held) this.#reports.askedForOwn(name, label, holder, true);
  }

  /** @param call that has ended, unless it was that of a break */
  #end(call?: AcquireCall): void {
    call?.end();
    if (call?.waits) this.#waiting.delete(call);
    this.#pending -= 1;
    this.#checkIdle();
  }

  /** Frees the lock, also when another process holds it. */
  async break(name: string): Promise<boolean> {
    // Looked up before: by the time of the reply another grant of this process may have the lock.
    const ours = this.#held.items().filter(({ lease }) => lease.name === name);
    this.#pending += 1;
    try {
      const broken = await revokeHolders(this.context.driver.locks, this.settings.prefix + name);
      if (broken) for (const holding of ours) holding.takeAway(BROKEN);
      return broken;
    } finally {
      this.#end();
    }
  }

  /**
   * One lease of this member ends before the back end says so.
   * @param id of its grant
   * @returns whether it was held here
   */
  takeAway(id: string, loss: Loss): boolean {
    const ours = this.#held.items().filter(({ lease }) => lease.held && lease.grant.id === id);
    for (const holding of ours) holding.takeAway(loss);
    return ours.length > 0;
  }

  /** Whether any member holds the lock. @throws BackendUnavailableError */
  isHeld(name: string): Promise<boolean> {
    return hasHolder(this.context.driver.locks, this.settings.prefix + name);
  }

  /** @throws BackendUnavailableError when that cannot be told */
  async isStillOwner({ grants }: HeldLease): Promise<boolean> {
    const { locks } = this.context.driver;
    const holds = await Promise.all(grants.map((grant) => isHolder(locks, grant, this.memberId)));
    return holds.every(Boolean);
  }

  /** Equal keys are one lock. */
  keyOf(name: string): string {
    return this.context.driver.locks.keyOf(this.settings.prefix + name);
  }

  #take(call: AcquireCall, grant: LeaseGrant): HeldLease | Promise<NotAcquired> {
    // The caller, or the coordinator, may have stopped since the grant came.
    if (call.terms.waitLimit.cancelled)
      return this.#acquirer.decline(grant).then(() => this.#refuse(call, {}));
    const { name, ttl, shared, bounds } = call.terms;
    const { handOff, deadline, queue, since } = grant;
    const holding = new LeaseHolding(this.#holdings, queue, handOff, since, call.handle, call.terms);
    const lease = bounds
      ? this.#bounded(bounds, call.terms, grant, holding)
      : new HeldLease(name, handOff.next(), ttl, deadline, holding, shared);
    holding.begin(lease);
    this.#reports.acquired(lease, call.terms, call.since);
    // Last, as the lease is lost at once when its grant was taken away since it came.
    handOff.carry(lease);
    this.#end(call);
    return lease;
  }

  #bounded(
    bounds: LeaseBounds,
    { name, ttl, shared }: AcquireTerms,
    grant: LeaseGrant,
    keeper: LeaseHolding,
  ): HeldLease {
    const { clock } = this.context;
    const { handOff, deadline, since } = grant;
    this.#reports.bounded(name, bounds);
    const context = { clock, schedule: this.#schedule, bounds, since };
    return new BoundedLease(name, handOff.next(), ttl, deadline, keeper, context, shared);
  }

  get #busy(): boolean {
    return this.#held.size > 0 || this.#pending > 0;
  }

  #checkIdle(): void {
    if (!this.#busy) this.#onIdle?.();
  }

  async #idle(timeout = Infinity): Promise<void> {
    if (!this.#busy || timeout <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.context.clock.setTimer(timeout, resolve);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#onIdle = undefined;
  }
}
