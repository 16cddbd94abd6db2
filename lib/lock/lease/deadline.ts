import { type Clock, type Moment, momentOf } from '../../common/clock.js';

/**
 * The share of a ttl by which two clocks may run apart, and the precision of Redis' expiry in ms.
 * Both from the Redlock page of Redis' documentation ("clock drift") and its reference implementation.
 */
const DRIFT_FACTOR = 0.01;
const DRIFT_CONSTANT = 2;

/** How much of a ttl, ms, its holder may use. */
export function usableTime(ttl: number): number {
  return ttl - Math.round(ttl * DRIFT_FACTOR) - DRIFT_CONSTANT;
}

/** The ttl, ms, of which a holder may use at least so many ms. */
export function ttlForUsable(ms: number): number {
  return Math.ceil((ms + DRIFT_CONSTANT) / (1 - DRIFT_FACTOR)) + 1;
}

/**
 * The end of a lease as its holder must see it, counted from a moment before the request was sent.
 *
 * The time that has passed is the larger one of the monotonic and the wall clock: the first stands still while some
 * systems are suspended, the second may be stepped. Once over, it stays over.
 */
export class Deadline {
  static readonly never = new Deadline(undefined, Infinity, { monotonic: 0, wall: 0 });

  readonly #clock?: Clock;
  readonly #duration: number;
  readonly #start: Moment;
  #over = false;

  private constructor(clock: Clock | undefined, duration: number, start: Moment) {
    this.#clock = clock;
    this.#duration = duration;
    this.#start = start;
  }

  /**
   * The deadline of a lease of `ttl` ms, less the drift of the clocks.
   * @param since a moment before the lease can have begun; default: now, for a lease that is about to be asked for
   */
  static ofLease(clock: Clock, ttl: number, since: Moment = momentOf(clock)): Deadline {
    return new Deadline(clock, usableTime(ttl), since);
  }

  /** The end of a time of `ms` ms that begins now. No other clock measures it, so no drift is taken off. */
  static after(clock: Clock, ms: number): Deadline {
    return new Deadline(clock, ms, momentOf(clock));
  }

  /** Whether the back end has granted the whole of that ttl, ms, and not a part of it. */
  covers(ttl: number): boolean {
    return this.#duration >= usableTime(ttl);
  }

  /** Milliseconds left; 0 when over. */
  remaining(): number {
    if (this.#over) return 0;
    if (!this.#clock) return Infinity;
    const now = this.#clock.monotonic();
    const elapsed = this.#elapsed(this.#clock, now);
    if (elapsed >= this.#duration || now >= this.monotonic) this.#over = true;
    return this.#over ? 0 : this.#duration - elapsed;
  }

  /** Milliseconds since the back end was asked, as the clocks now say; 0 for a lease that ends with its process. */
  get age(): number {
    return this.#clock ? this.#elapsed(this.#clock) : 0;
  }

  /** Milliseconds since it passed, as the clocks now say; 0 before. */
  overdue(): number {
    return this.#clock ? Math.max(0, this.#elapsed(this.#clock) - this.#duration) : 0;
  }

  get over(): boolean {
    return this.remaining() === 0;
  }

  /** As Unix time in ms; Infinity for a lease that ends with its process. */
  get unix(): number {
    return this.#start.wall + this.#duration;
  }

  /** On the monotonic clock, ms. */
  get monotonic(): number {
    return this.#start.monotonic + this.#duration;
  }

  #elapsed(clock: Clock, now = clock.monotonic()): number {
    return Math.max(now - this.#start.monotonic, clock.wall() - this.#start.wall);
  }
}

/** How long a lock is kept beside the renewals of its lease, ms. A plain lock has none. */
export interface LeaseBounds {
  /** The lock is not free before this time has passed; 0 for no such bound. */
  readonly minHold: number;
  /** The lease is lost after this time; Infinity for no such bound. */
  readonly maxHold: number;
  /** How long the lock stays taken after a lease that was not released; 0 for no such bound. */
  readonly lockDelay: number;
}

/**
 * How long the back end keeps the lock of a holder that has vanished, ms. The holder's own deadline counts from
 * the ttl alone, and so is over `lockDelay` ms before.
 * @param held how long the lease has been held by now, ms
 */
export function validityOf(ttl: number, bounds: LeaseBounds | undefined, held = 0): number {
  return bounds ? Math.max(ttl + bounds.lockDelay, Math.ceil(bounds.minHold - held)) : ttl;
}
