import { Bag, type Slot } from '../../common/bag.js';
import type { Clock } from '../../common/clock.js';
import { quoted } from '../../common/quoted.js';
import type { Appointment, Schedule } from '../../common/schedule.js';
import type { HeldLease } from '../lease/index.js';

/** A period is cut into so many slots; the leases that are due in the same one are renewed together. */
const SLOTS = 32;

/** A shorter time is cut into at least so many slots, so that no lease is renewed much before it has to be. */
const FEWEST_SLOTS = 16;

/** The rounding error of times, in slots. */
const ROUNDING = 1e-6;

/** Leases of one ttl that are renewed together. */
export class Batch {
  readonly #renewals = new Bag<Renewal>();
  #look?: Appointment;

  /** @param onEmpty called when the last lease has left */
  constructor(
    readonly ttl: number,
    private readonly most: number,
    private readonly onEmpty: () => void,
  ) {}

  get size(): number {
    return this.#renewals.size;
  }

  get full(): boolean {
    return this.size >= this.most;
  }

  get renewals(): readonly Renewal[] {
    return this.#renewals.items();
  }

  add(renewal: Renewal): Slot<Renewal> {
    return this.#renewals.add(renewal);
  }

  remove(slot: Slot<Renewal>): void {
    this.#renewals.remove(slot);
    if (this.size === 0) this.onEmpty();
  }

  /** @param look the next check of this batch, in the place of the last one, which is over */
  lookNext(look: Appointment): void {
    this.#look = look;
  }

  cancelLook(): void {
    this.#look?.cancel();
  }
}

/** The renewals of one lease. It is in one batch at a time, where it waits for its next renewal or is being renewed. */
export class Renewal {
  #batch?: Batch;
  #slot?: Slot<Renewal>;

  /**
   * @param since when the lease began, on the monotonic clock, ms
   * @param grantedAt when its grant began, on the same clock; the lease before may have handed that grant on
   */
  constructor(
    readonly lease: HeldLease,
    readonly since: number,
    readonly grantedAt: number,
  ) {}

  isIn(batch: Batch): boolean {
    return this.#batch === batch;
  }

  moveTo(batch: Batch): void {
    this.leave();
    this.#batch = batch;
    this.#slot = batch.add(this);
  }

  /** It is renewed no more. */
  leave(): void {
    const [batch, slot] = [this.#batch, this.#slot];
    this.#batch = undefined;
    if (batch && slot) batch.remove(slot);
  }
}

export interface RenewalBatchesSettings {
  /** The ttl of most leases, ms. Their batch is kept until it is due, so that a lock in a loop opens none. */
  readonly usualTtl: number;
  /** How many leases are renewed together at most. */
  readonly most: number;
}

/**
 * Decides when leases are renewed, and which of them together. Many leases cost few calls, spread over the period, and no
 * appointment each.
 *
 * All leases of a ttl have the same slots, whenever they were taken, so that leases that are due together once stay
 * together. A full slot sends the next lease to the slot before it, as a lease may always be renewed earlier. When
 * all slots are full they are cut in halves.
 */
export class RenewalBatches {
  /** By ttl, and then by when they are due, on the monotonic clock, ms. */
  readonly #batches = new Map<number, Map<number, Batch>>();

  constructor(
    private readonly clock: Clock,
    private readonly schedule: Schedule,
    private readonly settings: RenewalBatchesSettings,
    private readonly onDue: (batch: Batch) => void,
  ) {}

  /**
   * A batch that has room for one more lease.
   *
   * @param ttl of its leases, ms
   * @param period between two renewals of such a lease, ms
   * @param delay when it is due at the latest, from now, ms; above 0
   */
  batchWithin(delay: number, ttl: number, period: number): Batch {
    let batches = this.#batches.get(ttl);
    if (!batches) this.#batches.set(ttl, (batches = new Map()));
    const now = this.clock.monotonic();
    let width = period / SLOTS;
    while (width * FEWEST_SLOTS > delay) width /= 2;
    for (; ; width /= 2) {
      for (let slot = Math.floor((now + delay) / width + ROUNDING); slot * width > now; slot -= 1) {
        const batch = batches.get(slot * width) ?? this.#open(ttl, batches, slot * width);
        if (!batch.full) return batch;
      }
    }
  }

  #open(ttl: number, batches: Map<number, Batch>, at: number): Batch {
    const { most, usualTtl } = this.settings;
    const batch = new Batch(ttl, most, () => {
      const waits = batches.get(at) === batch;
      if (waits && ttl === usualTtl) return;
      batch.cancelLook();
      if (waits) this.#close(ttl, batches, at);
    });
    batches.set(at, batch);
    const look = this.schedule.at(at, () => {
      this.#close(ttl, batches, at);
      this.onDue(batch);
    });
    batch.lookNext(look);
    return batch;
  }

  #close(ttl: number, batches: Map<number, Batch>, at: number): void {
    batches.delete(at);
    if (batches.size === 0) this.#batches.delete(ttl);
  }
}

/** Warns of renewals that fail: once for each outage, and in one line for all leases of a batch. */
export class RenewalFailures {
  /** The renewals that a warning told of, and that have not succeeded since. */
  readonly #told = new Set<Renewal>();

  constructor(private readonly warn: (message: string) => void) {}

  tell(failed: readonly Renewal[], failure: unknown): void {
    const news = failed.filter((renewal) => !this.#told.has(renewal));
    const [first, ...others] = news;
    if (!first) return;
    for (const renewal of news) this.#told.add(renewal);
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    const left = Math.round(shortest(news));
    const why = failure instanceof Error ? failure.message : String(failure);
    this.warn(
      `Lock ${quoted(first.lease.name)}${more}: renewal failed, ${left} ms left to repeat it: ${why}`,
    );
  }

  /** The renewal has succeeded, or the lease is no longer renewed. */
  forget(renewal: Renewal): void {
    if (this.#told.size > 0) this.#told.delete(renewal);
  }
}

/** The time left of the lease that ends first, ms. */
export function shortest(renewals: readonly Renewal[]): number {
  return Math.min(...renewals.map(({ lease }) => lease.remaining()));
}
