import type { Bag, Slot } from '../common/bag.js';
import type { CallOrigin } from '../common/call-origin.js';
import type { Clock } from '../common/clock.js';
import type { Schedule } from '../common/schedule.js';
import type { Downgrade, Driver, Loss } from '../drivers/driver.js';
import { InvalidOptionsError, type LeaseLostError } from '../errors.js';
import {
  type AcquireCall,
  type Drain,
  type GrantHandOff,
  type LeaseGrant,
  type LeaseHandle,
  type LocalQueue,
  sharesNothing,
} from './acquire/index.js';
import type { Guard } from './guard/index.js';
import {
  type Asked,
  BoundedLease,
  HeldLease,
  type LeaseBounds,
  type LeaseEnd,
  type LeaseKeeper,
  type LeaseReports,
} from './lease/index.js';
import type { Heartbeat, Renewal } from './renewal/index.js';

const HANDED_ON = Promise.resolve(true);

/** The parts that the holdings of one coordinator share. */
export interface LeaseHoldingContext {
  readonly memberId: string;
  /** The part of the coordinator that makes leases. */
  readonly owner: unknown;
  readonly driver: Driver;
  readonly drain: Drain;
  readonly heartbeat: Heartbeat;
  readonly reports: LeaseReports;
  /** The holdings of all held leases. */
  readonly held: Bag<LeaseHolding>;
  /** Called when a lease is held no more. The next call may enter its queue after `leftover`, which never rejects. */
  readonly onEnd: (queue: LocalQueue, leftover?: Promise<void>) => void;
}

/**
 * Keeps one lease for its holder, from the grant to the end: it is renewed, handed on to the next waiter of this process or released,
 * and its queue and its handle are left.
 */
export class LeaseHolding implements LeaseKeeper {
  #slot?: Slot<LeaseHolding> | undefined;
  #renewal?: Renewal | undefined;
  #lease?: HeldLease;

  /**
   * @param queue in which the lease has the first place
   * @param since when it began, on the monotonic clock, ms
   * @param handle that carries the lease, where it was taken with one
   * @param asked by the call that has taken it
   */
  constructor(
    private readonly context: LeaseHoldingContext,
    private readonly queue: LocalQueue,
    private readonly handOff: GrantHandOff,
    readonly since: number,
    private readonly handle: LeaseHandle | undefined,
    private readonly asked: Asked,
  ) {}

  get memberId(): string {
    return this.context.memberId;
  }

  get owner(): unknown {
    return this.context.owner;
  }

  /** The method, job or election that has asked for it, where that is known. */
  get origin(): CallOrigin | undefined {
    return this.asked.origin;
  }

  get lease(): HeldLease {
    return this.#lease as HeldLease;
  }

  /** The lease is held from now on. */
  begin(lease: HeldLease): void {
    const { held, heartbeat } = this.context;
    this.#lease = lease;
    this.#slot = held.add(this);
    this.#renewal = heartbeat.keep(lease, this.since, this.handOff.since);
  }

  /** The lock was taken away: the lease that stands on the grant by now is lost. */
  takeAway(loss: Loss): void {
    this.handOff.revoke(loss);
  }

  /** The check of the lease inside a transaction. Such a grant is never handed on: the database has to know each lease. */
  guard(): Guard {
    const { driver } = this.context;
    const { lease } = this;
    const { grant, ttl } = lease;
    if (!driver.guard)
      throw new InvalidOptionsError(
        `assertIn: ${driver.description} is no database in which a transaction could be guarded; that needs a postgres: URL. Elsewhere use fencing tokens`,
      );
    return {
      statement: driver.guard(grant, ttl),
      holders: () => driver.locks.holders(grant.name, grant.key),
      isOurs: ({ id }) => lease.isKnownBy(id),
    };
  }

  /** Hands the lock on to the next waiter of this process, or else gives it back. */
  release(): Promise<boolean> {
    const { lease } = this;
    const { driver, drain } = this.context;
    const { keepFor } = lease;
    if (keepFor > 0) return driver.locks.release(lease.grant, keepFor);
    if (this.queue.length === 0) return driver.locks.release(lease.grant);
    const { term } = lease;
    // A lost lease is held no more, whatever the back end still has of it.
    if (lease.state !== 'releasing' || drain.over || !this.handOff.mayHandOn(term))
      return driver.locks.release(lease.grant);
    this.queue.handOn(this.handOff.handOn(term));
    this.context.reports.handedOn(lease, this.asked);
    return HANDED_ON;
  }

  downgrade(): Downgrade {
    const { lease } = this;
    const { driver } = this.context;
    const downgrade = driver.locks.downgrade?.(lease.grant, lease.ttl);
    if (!downgrade) throw sharesNothing(lease.name, driver);
    this.handOff.share();
    return downgrade;
  }

  onRenewed(): void {
    this.context.reports.renewed(this.lease, this.asked);
  }

  onLeft(): void {
    if (this.#renewal) this.context.heartbeat.drop(this.#renewal);
    this.#renewal = undefined;
  }

  onLost(error: LeaseLostError): void {
    this.context.reports.lost(this.lease, this.asked, error, this.since);
    this.#end(error.reason === 'max-hold' ? this.#freeUnder() : undefined);
  }

  onReleased(end: LeaseEnd): void {
    this.context.reports.ended(this.lease, this.asked, end, this.#slot && this.since);
    this.#end();
    this.handle?.onGivenBack();
  }

  /** Frees the lock while the work still runs: its holder may never come back to it. The work has been told to end. */
  async #freeUnder(): Promise<void> {
    const { grant, keepFor } = this.lease;
    try {
      await this.context.driver.locks.release(grant, keepFor);
    } catch {
      // It was not renewed for longer, and so ends by its ttl all the same.
      return;
    }
  }

  /**
   * Runs once: a lost lease is given back later.
   * @param leftover never rejects
   */
  #end(leftover?: Promise<void>): void {
    const slot = this.#slot;
    if (!slot) return;
    this.#slot = undefined;
    this.context.held.remove(slot);
    this.context.onEnd(this.queue, leftover);
  }
}

export interface LeaseMakerContext extends LeaseHoldingContext {
  readonly clock: Clock;
  readonly schedule: Schedule;
}

/** Makes the lease of a call that has got a grant, with the holding that keeps it. */
export class LeaseMaker {
  readonly #context: LeaseMakerContext;

  constructor(context: LeaseMakerContext) {
    this.#context = context;
  }

  make(call: AcquireCall, grant: LeaseGrant): HeldLease {
    const { terms, handle } = call;
    const { handOff, deadline, queue, since } = grant;
    const holding = new LeaseHolding(this.#context, queue, handOff, since, handle, terms);
    const lease = terms.bounds
      ? this.#bounded(terms.bounds, call, grant, holding)
      : new HeldLease(terms.name, handOff.next(), terms.ttl, deadline, holding, terms.shared);
    holding.begin(lease);
    this.#context.reports.acquired(lease, terms, call.since);
    // Last, as the lease is lost at once when its grant was taken away since it came.
    handOff.carry(lease);
    return lease;
  }

  #bounded(
    bounds: LeaseBounds,
    { terms: { name, ttl, shared } }: AcquireCall,
    { handOff, deadline, since }: LeaseGrant,
    keeper: LeaseHolding,
  ): HeldLease {
    const { clock, schedule, reports } = this.#context;
    reports.bounded(name, bounds);
    const context = { clock, schedule, bounds, since };
    return new BoundedLease(name, handOff.next(), ttl, deadline, keeper, context, shared);
  }
}
