import type { CallOrigin } from '../common/call-origin.js';
import { quoted } from '../common/quoted.js';
import type { RefusalReason } from '../common/coordinator.events.js';
import type { LockManager } from '../lock/index.js';

/**
 * The log lines and events of one call for a permit. The call waits once and is refused once, though it asks for many locks; the events
 * of those are marked as parts. The lease that it gets reports itself. The semaphore's name stands where a lock's would.
 */
export class PermitReport {
  constructor(
    private readonly manager: LockManager,
    private readonly asked: {
      readonly name: string;
      readonly label: string;
      readonly origin?: CallOrigin | undefined;
    },
    private readonly since: number,
  ) {}

  waiting(): void {
    const { name, label } = this.asked;
    this.manager.log.debug(
      () => `Semaphore ${quoted(name)}: ${label ? `"${label}"` : 'a call'} waits for a permit`,
    );
    this.manager.events.emit('lease.waiting', () => this.#about());
  }

  refused(reason: RefusalReason, error?: unknown): void {
    const { name, label } = this.asked;
    const why = (): string =>
      reason === 'taken' ? 'all permits are taken' : String(error instanceof Error ? error.message : error);
    this.manager.log.debug(
      () => `Semaphore ${quoted(name)}: no permit${label ? ` for "${label}"` : ''}: ${why()}`,
    );
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
