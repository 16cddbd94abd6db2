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

/** A call that has waited so long for the lock of its own caller may wait for ever. */
const LONG_WAIT_MS = 1000;

export interface CallsContext {
  readonly memberId: string;
  /** The part of the coordinator that makes leases. */
  readonly owner: unknown;
  readonly schedule: Schedule;
  readonly reports: LeaseReports;
  readonly idle: Idle;
}

/** The calls of one coordinator that are on their way to a lease: which of them wait, and how those end that get none. */
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

  /** How many there are. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Those that wait now, in the order in which they began to. */
  get waiting(): readonly AcquireCall[] {
    return [...this.#waiting];
  }

  /** @param since when it came, on the monotonic clock, ms */
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

  /** It gets none. @throws what it is to be refused with, where that is more than that the lock was taken */
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

  /** Something else that counts as a call until it has settled: the coordinator does not stop before. */
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

  /** A free lock is not asked about: only a call that has to wait can wait for its own caller. */
  #refuseUpgrade({ name, label, shared }: AcquireTerms): void {
    const sharer = shared ? undefined : sharerInThisContext(this.context.owner, name);
    if (sharer !== undefined) throw upgradeRefused(name, label, sharer);
  }

  /** Work that nobody awaits has its turn as soon as the work has ended that called it: only a long wait may be one for ever. */
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
