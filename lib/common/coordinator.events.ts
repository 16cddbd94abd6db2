import { InvalidOptionsError, type LeaseLostError } from '../errors.js';
import { shown } from './checks.js';
import { type OwnContext, ownContext } from './own-context.js';

interface LeaseEvent {
  /** The lock's name, without the prefix. */
  readonly lock: string;
  readonly memberId: string;
  /** Unix time in ms. */
  readonly at: number;
}

interface BackendEvent {
  readonly memberId: string;
  /** Unix time in ms. */
  readonly at: number;
}

interface JobEvent {
  /** The job's name. */
  readonly job: string;
  /** The fire time that the run is for. */
  readonly tick: Date;
  /** The member that tells. */
  readonly memberId: string;
  /** Unix time in ms. */
  readonly at: number;
}

/**
 * Why this replica did not run a job:
 * - `done`: a replica has started a run for this tick
 * - `locked`: an earlier run is not over yet
 * - `backend`: the back end could not be asked
 * - `stopping`: this replica shuts down, or has not started
 * - `clock`: this replica's clock is too far ahead of the back end's
 *
 * @publicApi
 */
export type JobSkipReason = 'done' | 'locked' | 'backend' | 'stopping' | 'clock';

/**
 * What `CoordinatorService.on` can be asked for, and what the listener is given.
 * @publicApi
 */
export interface CoordinatorEvents {
  /** A call has to wait for the lock. */
  'lease.waiting': LeaseEvent;
  /** `waited` is how long the call took to get the lock, ms; `fencingToken` is there when it was asked for. */
  'lease.acquired': LeaseEvent & { readonly waited: number; readonly fencingToken?: number };
  /** `held` is how long the lease lasted, ms. */
  'lease.released': LeaseEvent & { readonly held: number };
  /** A lease ended while its work was running; `error.reason` says why. */
  'lease.lost': LeaseEvent & { readonly error: LeaseLostError };
  /** The back end can be used, at the start or again. */
  'backend.up': BackendEvent;
  /** The back end as a whole cannot be used; `error` says why, where that is known. */
  'backend.down': BackendEvent & { readonly error?: Error };
  /** A run begins on this member. `attempt` is 2 when another member's run of this tick was lost before. */
  'job.started': JobEvent & { readonly attempt: number; readonly madeUp: boolean };
  /** A run has ended on this member, after `duration` ms. `lost`: its lease was lost while it ran. */
  'job.ended': JobEvent & {
    readonly attempt: number;
    readonly madeUp: boolean;
    readonly outcome: 'succeeded' | 'failed' | 'lost';
    readonly duration: number;
    readonly error?: unknown;
  };
  /** This member does not run this tick. Every member but one skips every tick. */
  'job.skipped': JobEvent & { readonly reason: JobSkipReason };
  /** No member has run this tick. `madeUp`: it is run now. */
  'job.missed': JobEvent & { readonly madeUp: boolean };
  /** A run of `runner` ended without an outcome: it crashed, or lost its lease. */
  'job.lost': JobEvent & { readonly runner: string };
}

/**
 * The names of the events.
 * @publicApi
 */
export type CoordinatorEventName = keyof CoordinatorEvents;

/** Every name, as `satisfies` sees to. */
const NAMES = Object.keys({
  'lease.waiting': true,
  'lease.acquired': true,
  'lease.released': true,
  'lease.lost': true,
  'backend.up': true,
  'backend.down': true,
  'job.started': true,
  'job.ended': true,
  'job.skipped': true,
  'job.missed': true,
  'job.lost': true,
} satisfies Record<CoordinatorEventName, true>);

/** @throws InvalidOptionsError */
function checkListener(name: unknown, listener: unknown): void {
  if (typeof name !== 'string' || !NAMES.includes(name)) {
    throw new InvalidOptionsError(`on: unknown event ${shown(name)}, known are ${NAMES.join(', ')}`);
  }
  if (typeof listener === 'function') return;
  throw new InvalidOptionsError(`on: the listener for "${name}" must be a function, got ${shown(listener)}`);
}

/** An object of its own for each call of `on`: the same function may listen twice. */
interface Subscription {
  readonly listener: (event: never) => unknown;
  /** Where it was subscribed. */
  readonly context: OwnContext;
}

/** Typed events. A listener that throws, or rejects, is reported and changes nothing for anybody else. */
export class CoordinatorEmitter {
  readonly #listeners = new Map<CoordinatorEventName, Set<Subscription>>();

  constructor(private readonly report: (message: string, error: unknown) => void) {}

  on<E extends CoordinatorEventName>(name: E, listener: (event: CoordinatorEvents[E]) => void): () => void {
    checkListener(name, listener);
    let listeners = this.#listeners.get(name);
    if (!listeners) this.#listeners.set(name, (listeners = new Set()));
    const subscription: Subscription = { listener, context: ownContext() };
    listeners.add(subscription);
    return () => {
      listeners.delete(subscription);
    };
  }

  /** What a call does, told in its async context. `event` is made only when somebody listens. */
  emit<E extends CoordinatorEventName>(name: E, event: () => CoordinatorEvents[E]): void {
    const listeners = this.#listeners.get(name);
    if (!listeners || listeners.size === 0) return;
    const payload = event();
    for (const { listener } of [...listeners]) this.#tell(name, listener, payload);
  }

  /** What happens by itself, or because of somebody else's call: each listener is told in its own async context. */
  announce<E extends CoordinatorEventName>(name: E, event: () => CoordinatorEvents[E]): void {
    const listeners = this.#listeners.get(name);
    if (!listeners || listeners.size === 0) return;
    const payload = event();
    for (const { listener, context } of [...listeners]) context(() => this.#tell(name, listener, payload));
  }

  #tell(name: CoordinatorEventName, listener: Subscription['listener'], payload: unknown): void {
    try {
      const result: unknown = listener(payload as never);
      if (result instanceof Promise) result.catch((error: unknown) => this.#fail(name, error));
    } catch (error) {
      this.#fail(name, error);
    }
  }

  #fail(name: CoordinatorEventName, error: unknown): void {
    this.report(`A listener for "${name}" failed`, error);
  }
}
