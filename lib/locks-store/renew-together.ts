import { outsideCalls } from '../common/clock.js';
import type { RenewOutcome } from '../drivers/driver.js';
import type { KeptLease } from './kept-lease.js';

interface Due {
  readonly lease: KeptLease;
  readonly ttl: number;
  readonly settle: (outcome: RenewOutcome) => void;
}

/**
 * Sends the renewals of one turn of the event loop to the back end in one call for each ttl: a replica with a hundred leases does not
 * make a hundred calls.
 */
export class RenewTogether {
  #due: Due[] = [];

  /** Never rejects: a call that failed is an outcome too. */
  renew(lease: KeptLease, ttl: number): Promise<RenewOutcome> {
    return new Promise((settle) => {
      if (this.#due.length === 0) outsideCalls(() => lease.clock.afterInput(() => this.#flush()));
      this.#due.push({ lease, ttl, settle });
    });
  }

  #flush(): void {
    const left = new Set(this.#due);
    this.#due = [];
    for (const { lease, ttl } of left) {
      const { driver } = lease;
      const batch = [...left]
        .filter((due) => due.ttl === ttl && due.lease.driver === driver)
        .slice(0, driver.traits.renewBatch);
      for (const due of batch) left.delete(due);
      if (batch.length > 0) void this.#send(batch);
    }
  }

  async #send(batch: readonly Due[]): Promise<void> {
    const { lease, ttl } = batch[0]!;
    const grants = batch.map((due) => due.lease.grant);
    let outcomes: readonly RenewOutcome[];
    try {
      outcomes = await lease.driver.locks.renew(grants, ttl);
    } catch (error) {
      outcomes = grants.map(() => ({ kind: 'failed', error: error as Error }));
    }
    for (const [index, { settle }] of batch.entries()) settle(outcomes[index]!);
  }
}
