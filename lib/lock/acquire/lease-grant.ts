import type { Deadline } from '../lease/index.js';
import type { GrantHandOff } from './grant-hand-off.js';
import type { LocalQueue } from './local-queue.js';

/** What a call gets: a grant under which one lease may begin. */
export class LeaseGrant {
  /**
   * @param deadline of the lease, counted from before the back end was asked
   * @param queue in which the lease has the first place
   * @param since when the lease begins, on the monotonic clock, ms
   */
  constructor(
    readonly handOff: GrantHandOff,
    readonly deadline: Deadline,
    readonly queue: LocalQueue,
    readonly since: number,
  ) {}
}
