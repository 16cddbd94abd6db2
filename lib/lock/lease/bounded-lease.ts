import type { Clock } from '../../common/clock.js';
import type { Appointment, Schedule } from '../../common/schedule.js';
import type { Grant, Loss } from '../../drivers/driver.js';
import { Deadline, type LeaseBounds, validityOf } from './deadline.js';
import { HeldLease } from './held-lease.js';
import type { LeaseEnd, LeaseKeeper } from './lease-life.js';

export interface BoundedLeaseContext {
  readonly clock: Clock;
  readonly schedule: Schedule;
  readonly bounds: LeaseBounds;
  /** When the lease begins, on the monotonic clock, ms. */
  readonly since: number;
}

/** A lease with `minHold`, `maxHold` or `lockDelay`. It is a class of its own, so that a plain lease pays nothing for them. */
export class BoundedLease extends HeldLease {
  readonly #context: BoundedLeaseContext;
  /** The end of `maxHold`. */
  readonly #cap: Deadline;
  readonly #atCap: Appointment;
  #lostAt?: number;
  #minHold: number;

  constructor(
    name: string,
    grant: Grant,
    ttl: number,
    deadline: Deadline,
    keeper: LeaseKeeper,
    context: BoundedLeaseContext,
    shared = false,
  ) {
    super(name, grant, ttl, deadline, keeper, shared);
    const { clock, schedule, bounds } = context;
    this.#context = context;
    this.#minHold = bounds.minHold;
    this.#cap = bounds.maxHold === Infinity ? Deadline.never : Deadline.after(clock, bounds.maxHold);
    this.#atCap = schedule.at(this.#cap.monotonic, () => this.check());
  }

  override get validity(): number {
    return validityOf(this.ttl, this.#context.bounds, this.#heldFor());
  }

  override get keepFor(): number {
    const now = this.#context.clock.monotonic();
    const delay = this.#lostAt === undefined ? 0 : this.#context.bounds.lockDelay - (now - this.#lostAt);
    return Math.max(0, this.#minHold - this.#heldFor(), delay);
  }

  override get deadline(): number {
    return Math.min(super.deadline, this.#cap.unix);
  }

  override get monotonicDeadline(): number {
    return Math.min(super.monotonicDeadline, this.#cap.monotonic);
  }

  override remaining(): number {
    return Math.min(super.remaining(), this.#cap.remaining());
  }

  override check(): void {
    if (this.#cap.over)
      this.lose({
        reason: 'max-hold',
        message: `it was held for its maxHold of ${this.#context.bounds.maxHold} ms`,
      });
    super.check();
  }

  override lose(loss: Loss, cause?: unknown): void {
    // The deadline may have passed unseen, as in a process that was stopped.
    this.#lostAt ??= Math.min(this.#context.clock.monotonic(), this.monotonicDeadline);
    this.#atCap.cancel();
    super.lose(loss, cause);
  }

  override finish(): Promise<LeaseEnd> {
    this.#atCap.cancel();
    return super.finish();
  }

  /** Its work has not begun and will not: the lock need not be kept for `minHold`. */
  waiveMinHold(): void {
    this.#minHold = 0;
  }

  #heldFor(): number {
    return this.#context.clock.monotonic() - this.#context.since;
  }
}
