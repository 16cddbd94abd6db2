import type { Clock } from '../../../common/clock.js';
import type { Instances } from '../directory/index.js';

/**
 * The instances of the drivers that have shares.
 *
 * An instance without a file is that of a driver whose file was removed, or whose folder was replaced. That driver notices with its
 * heartbeat, so within one ttl, and ends its shares. Until then it counts as one that runs.
 */
export class Sharers {
  /** @param ttl the coordinator's, ms */
  constructor(
    private readonly instances: Pick<Instances, 'isTaken' | 'missedFor' | 'socketOf'>,
    private readonly clock: Clock,
    private readonly ttl: number,
  ) {}

  /** Whether the driver of that instance runs, or may run. */
  isTaken(number: number): boolean {
    return this.instances.isTaken(number) ?? this.instances.missedFor(number, this.clock.wall()) < this.ttl;
  }

  socketOf(number: number): string | undefined {
    return this.instances.socketOf(number);
  }
}
