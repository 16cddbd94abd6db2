import { randomUUID } from 'node:crypto';
import { Bag } from '../common/bag.js';
import type { Cancellation } from '../common/cancellation.js';
import type { Clock } from '../common/clock.js';
import type { CoordinatorEmitter } from '../common/coordinator.events.js';
import { Schedule } from '../common/schedule.js';
import type { Claim, Driver, RecordStore } from '../drivers/driver.js';
import { InvalidOptionsError } from '../errors.js';
import { hasHolder, isHolder, revokeHolders } from './holders.js';
import {
  AcquireCall,
  AcquireLoop,
  type AcquireLoopHost,
  type AcquireResult,
  type AcquireTerms,
  Drain,
  GrantHandOff,
  type HandedOnGrant,
  type LeaseHandle,
  LocalQueue,
  LocalQueues,
  throwIfCancelled,
  WaitLimit,
} from './acquire/index.js';
import {
  type Deadline,
  HeldLease,
  holderInThisContext,
  LeaseReports,
  type LockLog,
  type ReportContext,
} from './lease/index.js';
import { Heartbeat } from './renewal/index.js';
import { LeaseHolding, type LeaseHoldingContext } from './lease-holding.js';
import { quoted } from '../common/quoted.js';

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
 * Takes leases for one coordinator, from its start to its stop: the local queue of each name, the tries, the
 * wake-ups, and the heartbeat that renews what is held.
 */
export class LockManager {
  readonly drain: Drain;
  /** Names this start of the coordinator: two processes with one `agentId` differ in it. */
  readonly incarnation = randomUUID();
  readonly #queues = new LocalQueues(({ handOff }) => this.#giveBack(handOff));
  readonly #held = new Bag<LeaseHolding>();
  readonly #reports: LeaseReports;
  readonly #schedule: Schedule;
  readonly #heartbeat: Heartbeat;
  readonly #holdings: LeaseHoldingContext;
  /** Calls of `acquire` under way. */
  #pending = 0;
  /** Told when nothing is held or waited for any more. */
  #onIdle?: () => void;
  readonly #tellWaiting = ({ name, label }: AcquireCall): void =>
    this.#reports.waiting(name, label, holderInThisContext(this, name));
  readonly #host: AcquireLoopHost = {
    take: (...grant) => this.#take(...grant),
    leave: (queue, leftover) => this.#queues.leaveAfter(leftover, queue),
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
    this.#holdings = {
      memberId: settings.memberId,
      owner: this,
      driver,
      drain: this.drain,
      heartbeat: this.#heartbeat,
      reports: this.#reports,
      held: this.#held,
      onEnd: (queue) => {
        this.#queues.leave(queue);
        this.#checkIdle();
      },
    };
  }

  get memberId(): string {
    return this.settings.memberId;
  }

  /** Where members, runs and leaders stand. Their keys begin with the prefix, as the names of locks do. */
  get records(): RecordStore {
    return this.context.driver.records;
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

  /** How many leases are held, and how many calls are on their way to one. */
  get usage(): { readonly held: number; readonly waiting: number } {
    return { held: this.#held.size, waiting: this.#pending };
  }

  start(): Promise<void> {
    return this.#heartbeat.start();
  }

  /**
   * Refuses who still waits, gives holders what is left of `timeout` ms to end, and then lets go: the leases whose
   * work still runs are not released under it, but aborted and renewed no more.
   */
  async stop(timeout: number): Promise<void> {
    this.drain.begin(timeout);
    await this.#idle(timeout);
    this.drain.finish();
    for (const { lease } of this.#held.items().filter((holding) => holding.lease.held))
      lease.lose({ reason: 'stopped', message: 'the coordinator stopped while its work was still running' });
    // Those whose work has ended are being released, and who was refused just now leaves a try behind; the driver
    // answers each in bounded time.
    await Promise.all([this.#idle(), this.#heartbeat.stop()]);
    await this.#queues.settled();
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
    const call = new AcquireCall(terms, handle, this.context.clock.monotonic(), this.#tellWaiting);
    this.#pending += 1;
    return this.#begin(call).then(
      (result) => (result instanceof HeldLease ? this.#end(call, result) : this.#refuse(call, result)),
      (error: unknown) => this.#fail(call, error),
    );
  }

  async #turnAway(terms: AcquireTerms): Promise<AcquireResult> {
    throwIfCancelled(terms, this.memberId);
    return {};
  }

  #begin(call: AcquireCall): Promise<AcquireResult> {
    const { handle } = call;
    if (handle && !handle.queue.tryEnter()) return this.#beginInTurn(call, handle);
    call.enteredHandle();
    return this.#acquire(call);
  }

  async #beginInTurn(call: AcquireCall, handle: LeaseHandle): Promise<AcquireResult> {
    if (!(await this.#standIn(handle.queue, call))) return {};
    call.enteredHandle();
    return this.#acquire(call);
  }

  #end<T extends AcquireResult | undefined>(call: AcquireCall, result: T): T {
    if (!(result instanceof HeldLease)) call.leaveHandle();
    this.#pending -= 1;
    this.#checkIdle();
    return result;
  }

  #refuse(call: AcquireCall, refusal: AcquireResult): AcquireResult {
    const { name, label, waitLimit } = call;
    try {
      throwIfCancelled(call, this.memberId);
    } catch (error) {
      return this.#fail(call, error);
    }
    // A call that waited was warned of when it began to.
    this.#reports.refused(name, label, waitLimit.tryOnce ? holderInThisContext(this, name) : undefined);
    return this.#end(call, refusal);
  }

  #fail(call: AcquireCall, error: unknown): never {
    this.#reports.failed(call.name, call.label, error);
    this.#end(call, undefined);
    throw error;
  }

  /** Frees the lock whoever holds it. */
  async break(name: string): Promise<boolean> {
    // Looked up before: by the time of the reply the next grant of this process may have the lock.
    const ours = this.#held.items().filter(({ lease }) => lease.name === name);
    this.#pending += 1;
    try {
      const broken = await revokeHolders(this.context.driver.locks, this.settings.prefix + name);
      if (broken) for (const holding of ours) holding.broken();
      return broken;
    } finally {
      this.#pending -= 1;
      this.#checkIdle();
    }
  }

  /** Whether any member holds the lock. @throws BackendUnavailableError */
  isHeld(name: string): Promise<boolean> {
    return hasHolder(this.context.driver.locks, this.settings.prefix + name);
  }

  /** @throws BackendUnavailableError when that cannot be told */
  isStillOwner({ grant }: HeldLease): Promise<boolean> {
    return isHolder(this.context.driver.locks, grant, this.memberId);
  }

  /**
   * A fair call waits in the back end's order from the start, and so never in a queue of this process.
   * Not `async`: nearly every call finds nobody in the queue, and each promise on its way costs.
   */
  #acquire(call: AcquireCall): Promise<AcquireResult> {
    const { driver } = this.context;
    let key: string;
    try {
      key = driver.locks.keyOf(this.settings.prefix + call.name);
      if (call.fair && !driver.queue) throw this.#keepsNoOrder(call);
    } catch (error) {
      return Promise.reject(error);
    }
    const queue = call.fair ? new LocalQueue() : this.#queues.of(key);
    return queue.tryEnter() ? this.#contend(call, key, queue) : this.#contendInTurn(call, key, queue);
  }

  #keepsNoOrder({ name }: AcquireCall): InvalidOptionsError {
    return new InvalidOptionsError(
      `Lock ${quoted(name)}: the option "fair" needs a back end that keeps the order of the waiters, and ${this.context.driver.description} does not; leave "fair" out, or use Redis, files or memory`,
    );
  }

  async #contendInTurn(call: AcquireCall, key: string, queue: LocalQueue): Promise<AcquireResult> {
    if (await this.#standIn(queue, call)) {
      const handedOn = queue.takeHandedOn();
      return (
        (handedOn && (await this.#accept(handedOn, call, queue))) ?? (await this.#contend(call, key, queue))
      );
    }
    if (queue.outage && !call.waitLimit.cancelled) throw queue.outage.error;
    return {};
  }

  /** Resolves to true when it was this call's turn, and to false when it did not wait so long. */
  async #standIn(queue: LocalQueue, call: AcquireCall): Promise<boolean> {
    const { waitLimit } = call;
    if (waitLimit.tryOnce) return false;
    call.onWaiting();
    return waitLimit.wait((wake) => queue.join(wake));
  }

  /** What the one before has handed on, unless it is of no use; then it is given back. */
  async #accept(
    { handOff, deadline }: HandedOnGrant,
    call: AcquireCall,
    queue: LocalQueue,
  ): Promise<HeldLease | undefined> {
    if (handOff.suits(call) && !call.waitLimit.cancelled && handOff.mayBegin(deadline))
      return this.#take(call, queue, handOff, deadline, this.context.clock.monotonic());
    await this.#giveBack(handOff);
    return undefined;
  }

  #contend(call: AcquireCall, key: string, queue: LocalQueue): Promise<AcquireResult> {
    const { name, ttl, fencing, fair, waitLimit: caller } = call;
    const { driver, clock } = this.context;
    const handOff = new GrantHandOff(clock, { ttl, fencing }, !fair);
    const claim: Claim = {
      name: this.settings.prefix + name,
      key,
      ttl,
      tokens: fencing ? handOff.size : 0,
      mode: 'exclusive',
      memberId: this.memberId,
      caller,
      onRevoked: handOff.revoke,
    };
    return new AcquireLoop({ driver, clock, call, queue, claim, handOff, host: this.#host }).run();
  }

  /** @param now on the monotonic clock, ms */
  #take(
    call: AcquireCall,
    queue: LocalQueue,
    handOff: GrantHandOff,
    deadline: Deadline,
    now: number,
  ): HeldLease {
    const holding = new LeaseHolding(this.#holdings, queue, handOff, now, call.handle);
    const lease = new HeldLease(call.name, handOff.next(), call.ttl, deadline, holding);
    holding.begin(lease);
    this.#reports.acquired(lease, call.label, call.since);
    return lease;
  }

  /** Never rejects: nobody has this lease, and what the back end keeps of it ends by its ttl. */
  async #giveBack({ grant }: GrantHandOff): Promise<void> {
    await this.context.driver.locks.release(grant).catch(() => undefined);
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
