import { CoordinatorEmitter } from '../../lib/common/coordinator.emitter.js';
import type { CoordinatorEventName, CoordinatorEvents } from '../../lib/common/coordinator.events.js';
import { HeldLease } from '../../lib/lock/lease/held-lease.js';
import { LockManager, type LockManagerSettings } from '../../lib/lock/lock-manager.js';
import { LOCK_MANAGER, type LockProvider } from '../../lib/lock/lock-registry.js';
import { FakeClock } from './fake-clock.js';
import { ScriptedDriver } from './scripted-driver.js';

export interface Terms {
  readonly fencing?: boolean;
  readonly fair?: boolean;
  readonly shared?: boolean;
  readonly name?: string;
  readonly blocking?: boolean | number;
  readonly ttl?: number;
  readonly signal?: AbortSignal;
}

const EVENTS: CoordinatorEventName[] = ['lease.waiting', 'lease.acquired', 'lease.released', 'lease.lost'];

/** A manager, as a started coordinator has it, on a clock and a back end that the test drives. */
export class LockManagerBench implements LockProvider {
  readonly clock = new FakeClock();
  readonly driver: ScriptedDriver;
  readonly manager: LockManager;
  readonly memberId = 'member-1';
  readonly warnings: string[] = [];
  readonly debug: string[] = [];
  readonly events: { name: CoordinatorEventName; event: CoordinatorEvents[CoordinatorEventName] }[] = [];

  constructor(settings: Partial<LockManagerSettings> = {}, leasesExpire = true) {
    this.driver = new ScriptedDriver(leasesExpire);
    const events = new CoordinatorEmitter((message) => this.warnings.push(message));
    for (const name of EVENTS) events.on(name, (event) => this.events.push({ name, event }));
    const defaults = {
      agentId: '1',
      prefix: '',
      memberId: this.memberId,
      ttl: 10_000,
      blocking: true,
      fencing: false,
    };
    this.manager = new LockManager(
      { ...defaults, heartbeat: (settings.ttl ?? defaults.ttl) / 3, ...settings },
      {
        driver: this.driver,
        clock: this.clock,
        events,
        log: {
          debug: (message) => this.debug.push(message()),
          info: () => undefined,
          warn: (message) => this.warnings.push(message),
        },
      },
    );
  }

  get [LOCK_MANAGER](): LockManager {
    return this.manager;
  }

  /** As `manager.acquire`, with the default name `lock`. */
  acquire({
    name = 'lock',
    blocking = true,
    ttl = this.manager.settings.ttl,
    fencing = false,
    fair = false,
    shared = false,
    signal,
  }: Terms = {}) {
    const waitLimit = this.manager.waitLimit(blocking, signal);
    return this.manager.acquire({ name, ttl, fencing, fair, shared, label: '', waitLimit });
  }

  async take(terms: Terms = {}): Promise<HeldLease> {
    const acquisition = await this.acquire(terms);
    if (!(acquisition instanceof HeldLease)) throw new Error('the lock was not to be had');
    return acquisition;
  }

  seen(name: CoordinatorEventName): number {
    return this.events.filter((entry) => entry.name === name).length;
  }
}

/** What has become of a promise so far. */
export function outcomeOf<T>(promise: Promise<T>): { state: string; value?: T; error?: unknown } {
  const outcome: { state: string; value?: T; error?: unknown } = { state: 'pending' };
  promise.then(
    (value) => Object.assign(outcome, { state: 'resolved', value }),
    (error: unknown) => Object.assign(outcome, { state: 'rejected', error }),
  );
  return outcome;
}
