import type { Clock } from '../common/clock.js';
import type { Schedule } from '../common/schedule.js';
import {
  AcquireCall,
  type AcquireTerms,
  type LeaseHandle,
  type NotAcquired,
  refusalReason,
  throwIfCancelled,
  upgradeRefused,
} from './acquire/index.js';
import {
  holderInThisContext,
  holdingInThisContext,
  type LeasedContext,
  type LeaseReports,
  sharerInThisContext,
} from './lease/index.js';

/** A call that has waited so long for the lock of its own caller may wait for ever, ms. */
const LONG_WAIT_MS = 1000;

export interface CallsContext {
  readonly memberId: string;
  /** The part of the coordinator that makes leases. */
  readonly owner: unknown;
  readonly schedule: Schedule;
  readonly reports: LeaseReports;
  readonly idle: Idle;
}

/** The calls of one coordinator that are on their way to a lease. It knows which calls wait, and ends the calls that get no lease. */
export class Calls {
  #underWay = 0;
  readonly #waiting = new Set<AcquireCall>();
  readonly #tellWaiting = (call: AcquireCall): void => {
    const { name, label } = call.terms;
    this.#refuseUpgrade(call.terms);
    const { owner, schedule, reports } = this.context;
    const own = holdingInThisContext(owner, name);
    if (own) call.expects(schedule.in(LONG_WAIT_MS, () => this.#tellOfOwn(own, name, label)));
    this.#waiting.add(call);
    reports.waiting(call.terms);
  };

  constructor(private readonly context: CallsContext) {}

  /** How many calls are on their way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** The calls that wait now, in the order in which they began to wait. */
  get waiting(): readonly AcquireCall[] {
    return [...this.#waiting];
  }

  /** @param since when the call came, on the monotonic clock, ms */
  begin(terms: AcquireTerms, handle: LeaseHandle | undefined, since: number): AcquireCall {
    const call = new AcquireCall(terms, handle, since, this.#tellWaiting);
    this.#underWay += 1;
    return call;
  }

  /** The call has its lease. */
  end(call: AcquireCall): void {
    call.end();
    if (call.waits) this.#waiting.delete(call);
    this.#leave();
  }

  /** The call gets no lease. @throws the reason, unless it is only that the lock was taken */
  refuse(call: AcquireCall, refusal: NotAcquired): NotAcquired {
    const { memberId, owner, reports } = this.context;
    const { name, label, waitLimit } = call.terms;
    try {
      throwIfCancelled(call.terms, memberId);
      this.#refuseUpgrade(call.terms);
    } catch (error) {
      return this.fail(call, error);
    }
    const holder = holderInThisContext(owner, name);
    if (holder !== undefined) reports.askedForOwn(name, label, holder, !waitLimit.tryOnce);
    reports.refused(call.terms, call.since);
    call.leaveHandle();
    this.end(call);
    return refusal;
  }

  fail(call: AcquireCall, error: unknown): never {
    const reason = refusalReason(call.terms.waitLimit, error);
    this.context.reports.failed(call.terms, error, reason, call.since);
    call.leaveHandle();
    this.end(call);
    throw error;
  }

  /** Other work that counts as a call until it has settled: the coordinator does not stop before. */
  async include<T>(work: Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await work;
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    this.#underWay -= 1;
    this.context.idle.check();
  }

  /** Not called for a free lock: only a call that has to wait can wait for its own caller. */
  #refuseUpgrade({ name, label, shared }: AcquireTerms): void {
    const sharer = shared ? undefined : sharerInThisContext(this.context.owner, name);
    if (sharer !== undefined) throw upgradeRefused(name, label, sharer);
  }

  /** A call that its caller does not await gets the lock when the caller has ended. So only a long wait may last for ever. */
  #tellOfOwn({ lease, label: holder }: LeasedContext, name: string, label: string): void {
    if (lease.held) this.context.reports.askedForOwn(name, label, holder, true);
  }
}

/** Tells a coordinator that stops when nothing is under way any more. */
export class Idle {
  #onIdle?: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly isBusy: () => boolean,
  ) {}

  /** Something has ended. */
  check(): void {
    if (this.#onIdle && !this.isBusy()) this.#onIdle();
  }

  /** Resolves when nothing is under way, or after that time, ms. */
  async within(timeout = Infinity): Promise<void> {
    if (!this.isBusy() || timeout <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = this.clock.setTimer(timeout, resolve);
      this.#onIdle = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#onIdle = undefined;
  }
}
