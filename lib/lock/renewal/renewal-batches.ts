import { Bag, type Slot } from '../../common/bag.js';
import type { Clock } from '../../common/clock.js';
import type { Appointment, Schedule } from '../../common/schedule.js';
import type { HeldLease } from '../lease/lease.js';

/** A period is cut into so many slots; the leases that are due in the same one are renewed together. */
const SLOTS = 32;

/** A shorter time is cut into so many at least, so that nothing is renewed much before it has to be. */
const FEWEST_SLOTS = 16;

/** What calculating with times may lose, in slots. */
const ROUNDING = 1e-6;

/** Leases of one ttl that are renewed together. */
export class Batch {
  readonly #leases = new Bag<HeldLease>();
  /** The next look at it. */
  appointment?: Appointment;

  /** @param onEmpty told when the last lease has left */
  constructor(
    readonly ttl: number,
    private readonly most: number,
    private readonly onEmpty: () => void,
  ) {}

  get size(): number {
    return this.#leases.size;
  }

  get full(): boolean {
    return this.size >= this.most;
  }

  get leases(): readonly HeldLease[] {
    return this.#leases.items();
  }

  join(lease: HeldLease): void {
    lease.renewal?.leave();
    lease.renewal = new Renewal(this, this.#leases.add(lease));
  }

  leave(slot: Slot<HeldLease>): void {
    this.#leases.remove(slot);
    if (this.size === 0) this.onEmpty();
  }
}

/** The place of a lease in the batch in which it waits for its next renewal, or is being renewed. */
export class Renewal {
  constructor(
    readonly batch: Batch,
    private readonly slot: Slot<HeldLease>,
  ) {}

  leave(): void {
    this.batch.leave(this.slot);
  }
}

export interface RenewalBatchesSettings {
  /** Of most leases, ms: a batch of theirs is kept until it is due, so that a lock in a loop opens none. */
  readonly usualTtl: number;
  /** How many leases are renewed together. */
  readonly most: number;
}

/**
 * When which leases are renewed, and which of them together: many leases cost few calls, spread over the period, and no
 * appointment each.
 *
 * The slots are the same for all leases of a ttl, whenever these were taken, so that what is due together once stays
 * together. A slot that is full sends the next lease to the one before it, as a lease may always be renewed earlier, and
 * where all are full they are cut in halves.
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
      batch.appointment?.cancel();
      if (waits) this.#close(ttl, batches, at);
    });
    batches.set(at, batch);
    batch.appointment = this.schedule.at(at, () => {
      this.#close(ttl, batches, at);
      this.onDue(batch);
    });
    return batch;
  }

  #close(ttl: number, batches: Map<number, Batch>, at: number): void {
    batches.delete(at);
    if (batches.size === 0) this.#batches.delete(ttl);
  }
}
