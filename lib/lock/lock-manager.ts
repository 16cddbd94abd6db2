import { Bag, type Slot } from '../common/bag.js';
import { Schedule } from '../common/schedule.js';
import type { Driver } from '../drivers/driver.js';
import type { LeaseLostError } from '../errors.js';
import {
  AcquireCall,
  type AcquireTerms,
  type AcquireResult,
  throwIfCancelled,
} from './acquire/acquire-call.js';
import { AcquireLoop, type AcquireLoopHost } from './acquire/acquire-loop.js';
import type { Deadline } from './lease/deadline.js';
import { Drain } from './acquire/drain.js';
import { Heartbeat } from './renewal/heartbeat.js';
import { HeldLease, type LeaseEnd, type LeaseKeeper } from './lease/lease.js';
import { holderInThisContext } from './lease/lease-context.js';
import { LeaseReports, type ReportContext } from './lease/lease-reports.js';
import { WaitLimit } from './acquire/wait-limit.js';
import { type HandedOnGrant, GrantHandOff } from './acquire/grant-hand-off.js';
import { LocalQueue } from './acquire/local-queue.js';

/** As many queues are kept when nobody is in them: a lock in a loop makes none. */
const FEW_QUEUES = 100;

const HANDED_ON = Promise.resolve(true);

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

/** A lease that is held: whose place in which queue it has, under which grant, and since when, on the monotonic clock, ms. */
export interface Holding {
  readonly queue: LocalQueue;
  readonly handOff: GrantHandOff;
  readonly since: number;
  readonly slot: Slot<HeldLease>;
}

/**
 * Takes leases for one coordinator, from its start to its stop: the local queue of each name, the tries, the
 * wake-ups, and the heartbeat that renews what is held.
 */
export class LockManager implements LeaseKeeper {
  readonly drain: Drain;
  readonly #queues = new Map<string, LocalQueue>();
  readonly #held = new Bag<HeldLease>();
  readonly #reports: LeaseReports;
  readonly #schedule: Schedule;
  readonly #heartbeat: Heartbeat;
  /** Calls of `acquire` under way. */
  #pending = 0;
  /** Tries that nobody waits for any more. */
  readonly #leftovers = new Set<Promise<void>>();
  /** Told when nothing is held or waited for any more. */
  #onIdle?: () => void;
  readonly #tellWaiting = ({ name, label }: AcquireCall): void =>
    this.#reports.waiting(name, label, holderInThisContext(this, name));
  readonly #host: AcquireLoopHost = {
    take: (...grant) => this.#take(...grant),
    leave: (queue, leftover) => this.#leaveAfter(leftover, queue),
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
      ttl: settings.ttl,
      period: settings.heartbeat,
      warn: (message) => this.#reports.warn(message),
    });
  }

  get memberId(): string {
    return this.settings.memberId;
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
    for (const lease of this.#held.items().filter(({ held }) => held))
      lease.lose({ reason: 'stopped', message: 'the coordinator stopped while its work was still running' });
    // Those whose work has ended are being released, and who was refused just now leaves a try behind; the driver
    // answers each in bounded time.
    await Promise.all([this.#idle(), this.#heartbeat.stop()]);
    await Promise.all(this.#leftovers);
    this.#schedule.clear();
  }

  waitLimit(blocking: boolean | number, signal?: AbortSignal): WaitLimit {
    return new WaitLimit(this.context.clock, blocking, this.drain, signal);
  }

  /**
   * Takes a lease on the name, waiting as long as the wait limit allows.
   * @param handleQueue a queue of the caller's own to stand in before: a handle's, which carries one lease at a time
   * @throws the signal's reason when it aborts; BackendUnavailableError when the back end cannot be asked.
   */
  acquire(terms: AcquireTerms, handleQueue?: LocalQueue): Promise<AcquireResult> {
    if (terms.waitLimit.cancelled) return this.#turnAway(terms);
    const call = new AcquireCall(terms, this.context.clock.monotonic(), this.#tellWaiting);
    this.#pending += 1;
    return this.#begin(call, handleQueue).then(
      (result) => (result instanceof HeldLease ? this.#end(call, result) : this.#refuse(call, result)),
      (error: unknown) => this.#fail(call, error),
    );
  }

  async #turnAway(terms: AcquireTerms): Promise<AcquireResult> {
    throwIfCancelled(terms, this.memberId);
    return {};
  }

  #begin(call: AcquireCall, handleQueue?: LocalQueue): Promise<AcquireResult> {
    if (handleQueue && !handleQueue.tryEnter()) return this.#beginInTurn(call, handleQueue);
    call.handleQueue = handleQueue;
    return this.#acquire(call);
  }

  async #beginInTurn(call: AcquireCall, handleQueue: LocalQueue): Promise<AcquireResult> {
    if (!(await this.#standIn(handleQueue, call))) return {};
    call.handleQueue = handleQueue;
    return this.#acquire(call);
  }

  #end<T extends AcquireResult | undefined>(call: AcquireCall, result: T): T {
    if (!(result instanceof HeldLease)) call.handleQueue?.leave();
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
    const ours = this.#held.items().flatMap(({ name: held, holding }) => (held === name && holding) || []);
    this.#pending += 1;
    try {
      const broken = await this.context.driver.break(this.settings.prefix + name);
      // Whichever of its leases stands on such a grant by now.
      if (broken)
        for (const { handOff } of ours) handOff.revoke({ reason: 'broken', message: 'the lock was broken' });
      return broken;
    } finally {
      this.#pending -= 1;
      this.#checkIdle();
    }
  }

  isStillOwner(lease: HeldLease): Promise<boolean> {
    return this.context.driver.isOwner(lease.grant);
  }

  /** Hands the lock on to the next waiter of this process, or else gives it back. */
  release(lease: HeldLease): Promise<boolean> {
    const { holding } = lease;
    if (!holding || holding.queue.length === 0) return this.context.driver.release(lease.grant);
    const { queue, handOff } = holding;
    const { term } = lease;
    // A lost lease is held no more, whatever the back end still has of it.
    if (lease.state !== 'releasing' || this.drain.over || !handOff.mayHandOn(term))
      return this.context.driver.release(lease.grant);
    queue.offer = handOff.handOn(term);
    return HANDED_ON;
  }

  onLeft(lease: HeldLease): void {
    this.#heartbeat.drop(lease);
  }

  onLost(lease: HeldLease, error: LeaseLostError): void {
    this.#reports.lost(lease, error);
    this.#forget(lease);
  }

  onReleased(lease: HeldLease, end: LeaseEnd): void {
    this.#reports.ended(lease, end, lease.holding?.since);
    this.#forget(lease);
  }

  /**
   * A fair call waits in the back end's order from the start, and so never in a queue of this process.
   * Not `async`: nearly every call finds nobody in the queue, and each promise on its way costs. */
  #acquire(call: AcquireCall): Promise<AcquireResult> {
    try {
      call.key = this.context.driver.keyOf?.(this.settings.prefix + call.name);
    } catch (error) {
      return Promise.reject(error);
    }
    const queue = call.fair ? new LocalQueue() : this.#queueOf(call.key ?? call.name);
    return queue.tryEnter() ? this.#contend(call, queue) : this.#contendInTurn(call, queue);
  }

  async #contendInTurn(call: AcquireCall, queue: LocalQueue): Promise<AcquireResult> {
    if (await this.#standIn(queue, call)) {
      const { offer } = queue;
      queue.offer = undefined;
      return (offer && (await this.#accept(offer, call, queue))) ?? (await this.#contend(call, queue));
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

  #contend(call: AcquireCall, queue: LocalQueue): Promise<AcquireResult> {
    const { name, key, ttl, fencing, fair, waitLimit: caller } = call;
    const { driver, clock } = this.context;
    const handOff = new GrantHandOff(clock, { ttl, fencing }, !fair);
    const request = {
      name: this.settings.prefix + name,
      key,
      ttl,
      fencing,
      tokens: handOff.size,
      memberId: this.memberId,
      caller,
      onRevoked: handOff.revoke,
    };
    return new AcquireLoop({ driver, clock, call, queue, request, handOff, host: this.#host }).run();
  }

  /** @param now on the monotonic clock, ms */
  #take(
    call: AcquireCall,
    queue: LocalQueue,
    handOff: GrantHandOff,
    deadline: Deadline,
    now: number,
  ): HeldLease {
    const lease = new HeldLease(call.name, handOff.next(), call.ttl, deadline, this);
    handOff.carry(lease);
    lease.holding = { queue, handOff, since: now, slot: this.#held.add(lease) };
    this.#heartbeat.keep(lease);
    this.#reports.acquired(lease, call.label, call.since);
    return lease;
  }

  /** The next one of this process may not ask for the lock while an abandoned try for it is under way. */
  #leaveAfter(leftover: Promise<void> | undefined, queue: LocalQueue): void {
    if (!leftover) return this.#leave(queue);
    this.#finishLater(leftover.then(() => this.#leave(queue)));
  }

  /** The coordinator's stop waits for it. */
  #finishLater(leftover: Promise<void>): void {
    const done = leftover.finally(() => this.#leftovers.delete(done));
    this.#leftovers.add(done);
  }

  /** Never rejects: nobody has this lease, and what the back end keeps of it ends by its ttl. */
  async #giveBack({ grant }: GrantHandOff): Promise<void> {
    await this.context.driver.release(grant).catch(() => undefined);
  }

  #queueOf(key: string): LocalQueue {
    let queue = this.#queues.get(key);
    if (!queue) this.#queues.set(key, (queue = new LocalQueue(key)));
    return queue;
  }

  #leave(queue: LocalQueue): void {
    queue.leave();
    if (!queue.idle) return;
    queue.outage = undefined;
    if (this.#queues.size > FEW_QUEUES && this.#queues.get(queue.key) === queue)
      this.#queues.delete(queue.key);
    // Whoever was to have it has gone.
    const { offer } = queue;
    queue.offer = undefined;
    if (offer) this.#finishLater(this.#giveBack(offer.handOff));
  }

  #forget(lease: HeldLease): void {
    const { holding } = lease;
    if (!holding) return;
    lease.holding = undefined;
    this.#held.remove(holding.slot);
    this.#leave(holding.queue);
    this.#checkIdle();
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
