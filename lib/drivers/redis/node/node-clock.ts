import type { Clock } from '../../../common/clock.js';

/** How far two clocks may drift apart, as a share of the time. Redlock assumes it, and a lease's deadline allows for it. */
export const DRIFT = 0.01;
/** The precision of TIME and of timers, ms. */
export const PRECISION = 2;

interface Sample {
  /** The node's time, ms, at some moment between `sent` and `received`. */
  readonly node: number;
  readonly sent: number;
  readonly received: number;
  readonly wall: number;
}

/**
 * The clock of one node, as far as its replies tell it.
 *
 * Keys expire by the node's clock. When that clock jumps ahead, leases of other holders end on the node before these holders know.
 */
export class NodeClock {
  readonly #clock: Clock;
  readonly #tolerance: number;
  #last: Sample | undefined;
  /** The sample that bounds the node's time best: when there are many replies, most lie unread for a while. */
  #surest: Sample | undefined;

  /** @param ttl the usual lease time, ms: a change counts as a jump when it exceeds that lease's allowance for drift */
  constructor(clock: Clock, ttl: number) {
    this.#clock = clock;
    this.#tolerance = DRIFT * ttl + PRECISION;
  }

  /**
   * Takes the node's time from a reply.
   *
   * @param micros the node's time, µs
   * @param sent when the command was sent, or a moment before the node told its time, on the monotonic clock, ms
   * @param keep whether the next time is compared with this one; false when `sent` is not precise
   * @returns how far the clock has jumped since the last reply, ms; negative for a jump back, 0 for none
   */
  observe(micros: number, sent: number, keep = true): number {
    const last = this.#last;
    const sample = {
      node: micros / 1000,
      sent,
      received: this.#clock.monotonic(),
      wall: this.#clock.wall(),
    };
    if (keep || !last) this.#last = sample;
    this.#keepSurest(sample);
    if (!last) return 0;
    const passed = sample.node - last.node;
    // Our monotonic clock may stand still while this machine sleeps, and our wall clock may be set.
    const wall = sample.wall - last.wall;
    const most = Math.max(sample.received - last.sent, wall + last.received - last.sent);
    const least = Math.min(sample.sent - last.received, wall - (sample.received - sample.sent));
    const tolerance = Math.max(this.#tolerance, DRIFT * most + PRECISION);
    if (passed > most + tolerance) return passed - most;
    if (passed < least - tolerance) return passed - least;
    return 0;
  }

  /**
   * A time, ms, that the node's clock has certainly reached; undefined before the first reply.
   * @param now on the monotonic clock, ms
   */
  earliest(now: number): number | undefined {
    const surest = this.#surest;
    if (!surest) return undefined;
    return surest.node + (1 - DRIFT) * Math.max(0, now - surest.received);
  }

  #keepSurest(sample: Sample): void {
    const known = this.earliest(sample.received);
    // `known > most`: the node's clock was set back since.
    const most = sample.node + (1 + DRIFT) * (sample.received - sample.sent);
    if (known === undefined || known < sample.node || known > most) this.#surest = sample;
  }
}
