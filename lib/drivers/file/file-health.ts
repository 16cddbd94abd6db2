import type { Clock } from '../../common/clock.js';
import type { BackendChange } from '../driver.js';

/** A back end that fails within this time after a recovery counts as up only this long after its last failure, ms. */
const CALM = 60_000;

/**
 * Reports each change of the back end's state once. Reports few of them where every other call fails, for want of descriptors or
 * of inodes (which only new names need).
 *
 * A full disk can still be read: a file that can be opened does not show that a lock can be granted again.
 */
export class FileHealth {
  #state: 'starting' | 'up' | 'unreachable' | 'unwritable' = 'starting';
  #recoveredAt = -Infinity;
  #failedAt = -Infinity;
  /** It failed, recovered, and failed again within a minute. */
  #wavers = false;

  constructor(
    private readonly onChange: (change: BackendChange) => void,
    private readonly clock: Pick<Clock, 'monotonic'>,
  ) {}

  /** A file was opened. */
  reached(): void {
    if (this.#state === 'unreachable') this.stored();
  }

  /** Something was written down. */
  stored(): void {
    if (this.#state === 'up') return;
    const now = this.clock.monotonic();
    if (this.#wavers && now - this.#failedAt < CALM) return;
    if (this.#state !== 'starting') this.#recoveredAt = now;
    this.#wavers = false;
    this.#state = 'up';
    this.onChange({ state: 'up' });
  }

  unreachable(cause: Error): void {
    this.#fail('unreachable', cause);
  }

  unwritable(cause: Error): void {
    this.#fail('unwritable', cause);
  }

  /** A back end that never came up is not reported as down: its start has failed. */
  #fail(state: 'unreachable' | 'unwritable', cause: Error): void {
    const wasUp = this.#state === 'up';
    this.#failedAt = this.clock.monotonic();
    if (this.#state !== 'starting') this.#state = state;
    if (!wasUp) return;
    this.#wavers = this.#failedAt - this.#recoveredAt < CALM;
    this.onChange({ state: 'down', cause });
  }
}
