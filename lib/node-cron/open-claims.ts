import type { Clock, Timer } from '../common/clock.js';
import type { Claim } from '../runs/index.js';

interface OpenClaim {
  readonly claim: Claim;
  /** On the monotonic clock, ms. */
  readonly until: number;
  readonly ttl: number;
  readonly timer: Timer;
}

/**
 * The claims whose tasks have not ended yet, by their keys.
 *
 * node-cron runs a background task in a process of its own. When that process dies in a run, no call tells that the run is over, and the
 * lock of the job would be renewed for ever. So a claim is ended when the task's `distributedLease` has passed.
 */
export class OpenClaims {
  readonly #open = new Map<string, OpenClaim>();

  /** @param ttl how long its task may take, ms */
  add(key: string, claim: Claim, ttl: number, clock: Clock): void {
    const timer = clock.setTimer(ttl, () => void this.#giveUp(key), 'background');
    this.#open.set(key, { claim, until: clock.monotonic() + ttl, ttl, timer });
    // A lost lease need not be given back, and its coordinator may have stopped.
    claim.lease.signal.addEventListener('abort', () => timer.cancel(), { once: true });
  }

  async succeed(key: string): Promise<void> {
    await this.#take(key)?.claim.end('succeeded');
  }

  /** Ends the claims of a job whose time is over: a timer is late where the event loop was blocked. */
  async endOverdue(job: string, clock: Clock): Promise<void> {
    const overdue = [...this.#open]
      .filter(([, { claim, until }]) => claim.run.name === job && until <= clock.monotonic())
      .map(([key]) => this.#giveUp(key));
    await Promise.all(overdue);
  }

  async #giveUp(key: string): Promise<void> {
    const open = this.#take(key);
    await open?.claim.end(
      'failed',
      new Error(
        `node-cron has not said within ${open.ttl} ms that the task has ended, as its background process has died, or the task takes longer; give a task that takes longer a larger distributedLease`,
      ),
    );
  }

  #take(key: string): OpenClaim | undefined {
    const open = this.#open.get(key);
    open?.timer.cancel();
    this.#open.delete(key);
    return open;
  }
}
