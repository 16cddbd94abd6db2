import { type Clock, outsideCalls } from '../../common/clock.js';
import { logSafely, reportLogFailure } from '../../common/log-safely.js';
import type { CallOrigin } from '../../common/call-origin.js';
import type { CoordinatorEmitter } from '../../common/coordinator.emitter.js';
import type { CoordinatorEvents, LeaseEvent, RefusalReason } from '../../common/coordinator.events.js';
import type { Driver } from '../../drivers/driver.js';
import type { LeaseLostError } from '../../errors.js';
import type { LeaseBounds } from './deadline.js';
import type { HeldLease } from './held-lease.js';
import type { LeaseEnd } from './lease-life.js';
import { quoted } from '../../common/quoted.js';

/** The log lines of a coordinator. `debug` takes a function: a line that is not written costs nothing. */
export interface LockLog {
  debug(message: () => string): void;
  info(message: string): void;
  warn(message: string): void;
}

export interface ReportContext {
  readonly clock: Clock;
  readonly events: CoordinatorEmitter;
  readonly log: LockLog;
  readonly driver: Pick<Driver, 'traits' | 'description'>;
}

/** The facts that are reported of a call for a lock. */
export interface Asked {
  /** The lock's name, without the prefix. */
  readonly name: string;
  /** The function that will run under the lease; empty when there is none. */
  readonly label: string;
  readonly origin?: CallOrigin | undefined;
  /**
   * Set for a part of a call that reports its own waiting and refusal, as a call for several locks. `try`: the part gets the lease that
   * the call wants. `step`: the lease of the part is of no interest either.
   */
  readonly part?: 'try' | 'step' | undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** An event that is being made. */
type Draft<E extends keyof CoordinatorEvents> = Mutable<CoordinatorEvents[E]>;

/** A crash of the holder ends these where the lifetime is `process`. */
const OUTLIVING = ['minHold', 'lockDelay'] as const;

/** So many pairs of functions are remembered: functions without names could make any number of pairs. */
const MOST_PAIRS = 1000;

const REENTRANT_TRY = 'it does not get it before that one ends';
const REENTRANT_WAIT = 'it waits for ever if that one awaits it, and otherwise until that one has ended';

/** How an entry of the back end ends that is not renewed. */
export function endOf({ traits }: Pick<Driver, 'traits'>, ttl: number): string {
  return traits.lifetime === 'lease' ? `by its ttl of ${ttl} ms` : 'with this process';
}

/**
 * Reports to the log and the listeners what happens to the leases of one member. Never throws: a lease whose caller was cut
 * off by a failing log would be renewed for ever, and no caller could give it back.
 */
export class LeaseReports {
  readonly #reentrant = new Set<string>();
  #toldOfProcess = false;

  constructor(
    private readonly memberId: string,
    private readonly context: ReportContext,
  ) {}

  warn(message: string): void {
    logSafely(() => this.context.log.warn(message));
  }

  waiting(asked: Asked): void {
    const { name: lock, label, part } = asked;
    if (!part)
      this.#debug(() =>
        label ? `Lock ${quoted(lock)}: "${label}" waits for it` : `Lock ${quoted(lock)}: a call waits for it`,
      );
    this.context.events.emit('lease.waiting', () => this.#about(asked, asked.part !== undefined));
  }

  /** @param since when the call came, on the monotonic clock, ms */
  acquired(lease: HeldLease, asked: Asked, since: number): void {
    const { clock, events } = this.context;
    const { name: lock, label } = asked;
    this.#debug(() =>
      label ? `Lock ${quoted(lock)} acquired by "${label}"` : `Lock ${quoted(lock)} acquired`,
    );
    const acquired = () => {
      const event = this.#about(asked) as Draft<'lease.acquired'>;
      event.waited = clock.monotonic() - since;
      const { fencingToken } = lease;
      if (fencingToken !== undefined) event.fencingToken = fencingToken;
      return event;
    };
    events.emit('lease.acquired', acquired, lease);
  }

  /** Tells once that a bound promises less on this back end than on others. */
  bounded(lock: string, bounds: LeaseBounds): void {
    const { driver, log } = this.context;
    if (this.#toldOfProcess || driver.traits.lifetime === 'lease') return;
    const name = OUTLIVING.find((bound) => bounds[bound] > 0);
    if (!name) return;
    this.#toldOfProcess = true;
    logSafely(() =>
      log.info(
        `Lock ${quoted(lock)}: on ${driver.description} its ${name} ends with the process of its holder; where it has to outlive a crash, use Redis or PostgreSQL (told once)`,
      ),
    );
  }

  /**
   * The call did not get the lock within its time limit.
   * @param since when the call came, on the monotonic clock, ms
   */
  refused(asked: Asked, since: number): void {
    const { name: lock, label, part } = asked;
    if (part) return;
    this.#debug(
      () => `Lock ${quoted(lock)} not acquired${label ? ` by "${label}"` : ''}: another holder has it`,
    );
    this.#tellRefused(asked, since, 'taken');
  }

  /**
   * The back end could not be asked, the coordinator takes no more calls, or the caller gave up.
   * @param since when the call came, on the monotonic clock, ms
   */
  failed(asked: Asked, error: unknown, reason: RefusalReason, since: number): void {
    const { name: lock, label, part } = asked;
    const why = (): string => (error instanceof Error ? error.message : String(error));
    this.#debug(() => `Lock ${quoted(lock)} not acquired${label ? ` by "${label}"` : ''}: ${why()}`);
    if (!part) this.#tellRefused(asked, since, reason, error);
  }

  #tellRefused(asked: Asked, since: number, reason: RefusalReason, error?: unknown): void {
    const { clock, events } = this.context;
    events.emit('lease.refused', () => {
      const event = this.#about(asked) as Draft<'lease.refused'>;
      event.waited = clock.monotonic() - since;
      event.reason = reason;
      if (error !== undefined) event.error = error;
      return event;
    });
  }

  renewed(lease: HeldLease, asked: Asked): void {
    const { events } = this.context;
    if (!events.wants('lease.renewed')) return;
    events.announce('lease.renewed', () => ({ ...this.#about(asked), deadline: lease.deadline }), lease);
  }

  handedOn(lease: HeldLease, asked: Asked): void {
    this.context.events.emit('lease.handed-on', () => this.#about(asked), lease);
  }

  /** A timer, or a call that has nothing to do with the lease, notices the loss. It is reported outside the context of both. */
  lost(lease: HeldLease, asked: Asked, error: LeaseLostError, since: number): void {
    const { clock, events } = this.context;
    outsideCalls(() => this.warn(error.message));
    const lost = () => {
      const held = clock.monotonic() - since;
      return { ...this.#about(asked), held, reason: error.reason, error };
    };
    events.announce('lease.lost', lost, lease);
  }

  /** @param since when the lease began, on the monotonic clock, ms; undefined for one that was lost */
  ended(lease: HeldLease, asked: Asked, end: LeaseEnd, since: number | undefined): void {
    const { clock, events } = this.context;
    const about = () => {
      const event = this.#about(asked) as Draft<'lease.released'>;
      const now = clock.monotonic();
      event.held = now - (since ?? now);
      return event;
    };
    if (end.kind === 'released') {
      this.#debug(() => `Lock ${quoted(lease.name)} released`);
      events.emit('lease.released', about, lease);
    } else if (end.kind === 'unconfirmed') {
      this.warn(
        `Lock ${quoted(lease.name)}: the release was not confirmed, it ends ${endOf(this.context.driver, lease.validity)}: ${String(end.error)}`,
      );
      events.emit('lease.unconfirmed', () => ({ ...about(), error: end.error }), lease);
    }
  }

  /**
   * A call asks for the lock that its own caller holds. Told once for each pair of functions: it is unknown here whether the outer
   * function awaits the inner call.
   * @param holder the function that holds the lock
   * @param waits false for a call that does not wait
   */
  askedForOwn(lock: string, label: string, holder: string, waits: boolean): void {
    const inner = label || 'a call';
    const [does, so] = waits ? ['waits for', REENTRANT_WAIT] : ['tries', REENTRANT_TRY];
    const pair = `${inner} under ${holder}`;
    if (this.#reentrant.has(pair) || this.#reentrant.size >= MOST_PAIRS) return;
    this.#reentrant.add(pair);
    this.warn(
      `Lock ${quoted(lock)}: ${inner} ${does} a lock that ${holder}, from which it was called, holds; ${so}; "reentrant: true" on ${inner} lets it in (told once for these two)`,
    );
  }

  #debug(message: () => string): void {
    try {
      this.context.log.debug(message);
    } catch (error) {
      reportLogFailure(error);
    }
  }

  /** A new object each time. Its fields are set one by one: spreading objects that may be missing takes microseconds. */
  #about({ name: lock, origin, part }: Asked, isPart = part === 'step'): Mutable<LeaseEvent> {
    const about: Mutable<LeaseEvent> = { lock, memberId: this.memberId, at: this.context.clock.wall() };
    if (origin?.function !== undefined) about.function = origin.function;
    if (origin?.template !== undefined) about.template = origin.template;
    if (isPart) about.part = true;
    return about;
  }
}
