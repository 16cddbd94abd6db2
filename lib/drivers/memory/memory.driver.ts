import type { Driver, DriverContext, Traits } from '../driver.js';
import { MemoryLocks } from './memory-locks.js';
import { MemoryRecords } from './memory-records.js';
import { MemorySpace } from './memory-space.js';

export { MemorySpace } from './memory-space.js';

/**
 * Locks within this process only, for unit tests. Coordinators with the same URL share one space, so that
 * several of them contend as replicas do. A lease ends with the process.
 */
export class MemoryDriver implements Driver {
  readonly traits: Traits = { lifetime: 'process', modes: ['exclusive', 'shared'], renewBatch: Infinity };
  readonly description: string;
  readonly locks: MemoryLocks;
  readonly queue: MemoryLocks;
  readonly records: MemoryRecords;

  /** @param space the name of a space, or a space that no URL names */
  constructor(
    space: string | MemorySpace,
    private readonly context: Pick<DriverContext, 'clock' | 'onBackendChange'>,
  ) {
    this.description = typeof space === 'string' && space ? `memory ${space}` : 'memory';
    const shared = typeof space === 'string' ? MemorySpace.named(space) : space;
    this.locks = this.queue = new MemoryLocks(shared, context.clock);
    this.records = new MemoryRecords(shared.records, context.clock);
  }

  async start(): Promise<void> {
    this.context.onBackendChange({ state: 'up' });
  }

  async stop(): Promise<void> {}
}
