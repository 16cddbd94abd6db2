import type {
  Claim,
  Downgrade,
  Driver,
  DriverContext,
  Grant,
  Granted,
  Holder,
  LockStore,
  NewRecord,
  QueuedWaiter,
  RecordStore,
  RenewOutcome,
  StoredRecord,
  Taken,
  Traits,
  WaitQueue,
  Watch,
} from '../drivers/driver.js';
import { InvalidOptionsError } from '../errors.js';
import type { TestBackend } from './test-backend.js';

const TAKEN_OVER: RenewOutcome = {
  kind: 'lost',
  loss: { reason: 'taken-over', message: 'another holder has the lock' },
};

/** The memory driver, whose leases end by their ttl, on a back end that a test can take away. */
export class TestDriver implements Driver {
  readonly traits: Traits = { lifetime: 'lease', modes: ['exclusive', 'shared'], renewBatch: Infinity };
  readonly description = 'memory of a test';
  readonly locks: TestLocks;
  readonly queue: TestLocks;
  readonly records: TestRecords;
  #leave?: () => void;

  private constructor(
    private readonly memory: Driver,
    private readonly backend: TestBackend,
    private readonly context: DriverContext,
  ) {
    this.locks = this.queue = new TestLocks(memory, backend);
    this.records = new TestRecords(memory.records, backend);
  }

  static async open(backend: TestBackend, context: DriverContext): Promise<TestDriver> {
    return new TestDriver(await backend.open(context), backend, context);
  }

  async start(): Promise<void> {
    this.backend.check();
    this.#leave = this.backend.addDriver((change) => this.context.onBackendChange(change));
    await this.memory.start();
  }

  async stop(): Promise<void> {
    this.#leave?.();
    await this.memory.stop();
  }
}

class TestLocks implements LockStore, WaitQueue {
  readonly #locks: LockStore;
  readonly #queue: WaitQueue;
  /** The ids of leases that were to be shared while the back end was away. Their next renewal shares them. */
  readonly #toBeShared = new Set<string>();

  constructor(
    memory: Driver,
    private readonly backend: TestBackend,
  ) {
    if (!memory.queue) throw new InvalidOptionsError('The memory driver has no queue');
    this.#locks = memory.locks;
    this.#queue = memory.queue;
  }

  keyOf(name: string): string {
    return this.#locks.keyOf(name);
  }

  async acquire(asked: Claim): Promise<Granted | Taken> {
    const { claim, keep } = this.backend.watched(asked);
    return this.#try(() => this.#locks.acquire(claim), keep);
  }

  enqueue(asked: Claim, wake: () => void): QueuedWaiter {
    const { claim, keep } = this.backend.watched(asked);
    const place = this.#queue.enqueue(claim, wake);
    const forget = this.backend.addWaiter(wake);
    return {
      tryAcquire: () => this.#try(() => place.tryAcquire(), keep),
      ready: () => place.ready(),
      leave: () => {
        forget();
        return place.leave();
      },
    };
  }

  async renew(grants: readonly Grant[], ttl: number): Promise<readonly RenewOutcome[]> {
    this.backend.check();
    for (const grant of grants)
      if (this.#toBeShared.delete(grant.id)) await this.#locks.downgrade?.(grant, ttl).done;
    const outcomes = await this.#locks.renew(grants, ttl);
    return Promise.all(
      grants.map(async (grant, index) => {
        const outcome = outcomes[index]!;
        if (outcome.kind === 'renewed') this.backend.extend(grant, ttl);
        return outcome.kind === 'lost' && (await this.#isTaken(grant)) ? TAKEN_OVER : outcome;
      }),
    );
  }

  async release(grant: Grant, keepFor?: number): Promise<boolean> {
    this.backend.check();
    this.backend.released(grant);
    this.#toBeShared.delete(grant.id);
    return this.#locks.release(grant, keepFor);
  }

  downgrade(grant: Grant, ttl: number): Downgrade {
    try {
      this.backend.check();
    } catch (error) {
      this.#toBeShared.add(grant.id);
      return { grant: { ...grant }, done: Promise.reject(error) };
    }
    if (!this.#locks.downgrade) throw new InvalidOptionsError('The memory driver cannot downgrade');
    this.backend.extend(grant, ttl);
    return this.#locks.downgrade(grant, ttl);
  }

  async holders(name: string): Promise<readonly Holder[]> {
    this.backend.check();
    return this.#locks.holders(name);
  }

  async revoke(holder: Holder): Promise<boolean> {
    this.backend.check();
    return this.#locks.revoke(holder);
  }

  async list(): Promise<readonly Holder[]> {
    this.backend.check();
    return this.#locks.list();
  }

  /** Whether another holder has the lock of a lease that is over. */
  async #isTaken({ name }: Grant): Promise<boolean> {
    return (await this.#locks.holders(name)).length > 0;
  }

  async #try(
    acquire: () => Promise<Granted | Taken>,
    keep: (grant: Grant, locks: LockStore) => void,
  ): Promise<Granted | Taken> {
    this.backend.check();
    const outcome = await acquire();
    if (outcome.granted) keep(outcome.grant, this.#locks);
    return outcome;
  }
}

class TestRecords implements RecordStore {
  constructor(
    private readonly records: RecordStore,
    private readonly backend: TestBackend,
  ) {}

  async put(record: NewRecord, ttl: number): Promise<StoredRecord> {
    this.backend.check();
    return this.records.put(record, ttl);
  }

  async get(space: string, key: string): Promise<StoredRecord | undefined> {
    this.backend.check();
    return this.records.get(space, key);
  }

  async remove(space: string, key: string, version: number): Promise<void> {
    this.backend.check();
    await this.records.remove(space, key, version);
  }

  async list(space: string): Promise<readonly StoredRecord[]> {
    this.backend.check();
    return this.records.list(space);
  }

  watch(space: string, onChange: () => void): Watch {
    return this.records.watch(space, onChange);
  }
}
