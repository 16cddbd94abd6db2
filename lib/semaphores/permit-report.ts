import type { CallOrigin } from '../common/call-origin.js';
import type { RefusalReason } from '../common/coordinator.events.js';
import type { LockManager } from '../lock/index.js';

/**
 * The events of one call for a permit: it waits once and is refused once, though it asks for many locks, whose events say that they are a
 * part of it. The lease that it gets tells of itself. The semaphore's name stands where a lock's would.
 */
export class PermitReport {
  constructor(
    private readonly manager: LockManager,
    private readonly asked: { readonly name: string; readonly origin?: CallOrigin | undefined },
    private readonly since: number,
  ) {}

  waiting(): void {
    this.manager.events.emit('lease.waiting', () => this.#about());
  }

  refused(reason: RefusalReason, error?: unknown): void {
    this.manager.events.emit('lease.refused', () => ({
      ...this.#about(),
      waited: this.manager.clock.monotonic() - this.since,
      reason,
      ...(error !== undefined && { error }),
    }));
  }

  #about() {
    const { memberId, clock } = this.manager;
    return { lock: this.asked.name, memberId, at: clock.wall(), ...this.asked.origin };
  }
}
