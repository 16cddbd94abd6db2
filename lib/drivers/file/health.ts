import type { BackendChange } from '../driver.js';

/**
 * Tells each change of the back end's state once.
 *
 * A full disk can still be read: what shows that files are there does not show that a lock can be granted again.
 */
export class Health {
  #state: 'starting' | 'up' | 'unreachable' | 'unwritable' = 'starting';

  constructor(private readonly onChange: (change: BackendChange) => void) {}

  /** A file was opened. */
  reached(): void {
    if (this.#state === 'unreachable') this.stored();
  }

  /** Something was written down. */
  stored(): void {
    if (this.#state === 'up') return;
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
    if (this.#state !== 'starting') this.#state = state;
    if (wasUp) this.onChange({ state: 'down', cause });
  }
}
