import type { LockManager } from '../lock/index.js';
import type { Companion } from '../lock/renewal/index.js';
import { Revocations } from './revocations.js';
import { Snapshots } from './snapshot.js';
import { partKey, partsOf, TOLD } from './told.js';

/** The record under one key. */
interface Part {
  readonly value: string;
  readonly version: number;
}

/**
 * Reports to the other members with each heartbeat what this one holds and waits for. The back end does not know that, and a
 * write for each lease would cost as much as the lease. A member that has nothing to report writes nothing.
 */
export class MemberReport implements Companion {
  readonly #manager: LockManager;
  readonly #snapshots: Snapshots;
  readonly #revocations: Revocations;
  readonly #parts: Part[] = [];
  /** Grows with each change. */
  #version = 0;

  constructor(manager: LockManager) {
    this.#manager = manager;
    this.#snapshots = new Snapshots(manager);
    this.#revocations = new Revocations(manager);
  }

  async onBeat(): Promise<void> {
    const told = this.#snapshots.take();
    this.#revocations.listen(told.held > 0);
    await this.#tell(partsOf(told));
  }

  async onStop(): Promise<void> {
    this.#revocations.listen(false);
    await this.#tell([]);
  }

  async #tell(values: readonly string[]): Promise<void> {
    const { records, settings } = this.#manager;
    const tasks = values.map(async (value, index) => {
      const before = this.#parts[index];
      const version = before?.value === value ? before.version : (this.#version += 1);
      this.#parts[index] = { value, version };
      await records.put({ space: TOLD, key: partKey(this.#manager, index), version, value }, settings.ttl);
    });
    const gone = this.#parts.splice(values.length);
    for (const [index, { version }] of gone.entries())
      tasks.push(records.remove(TOLD, partKey(this.#manager, values.length + index), version));
    // The driver reports the back end as down by itself. The next heartbeat reports again, and records that are left end by their ttl.
    await Promise.allSettled(tasks);
  }
}
