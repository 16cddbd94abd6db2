import type { Clock } from '../common/clock.js';
import type { Schedule } from '../common/schedule.js';
import type { AcquireCall, LeaseGrant } from './acquire/index.js';
import { BoundedLease, HeldLease, type LeaseBounds } from './lease/index.js';
import { LeaseHolding, type LeaseHoldingContext } from './lease-holding.js';

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
