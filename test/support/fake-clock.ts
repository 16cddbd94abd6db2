import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Timer } from '../../lib/common/clock.js';

interface Pending extends Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that moves only when a test moves it. Monotonic time starts at 1000, wall time at 2020-01-01. */
export class FakeClock implements Clock {
  #monotonic = 1000;
  #wall = Date.UTC(2020, 0, 1);
  #timers = new Set<Pending>();

  monotonic(): number {
    return this.#monotonic;
  }

  wall(): number {
    return this.#wall;
  }

  setTimer(ms: number, callback: () => void): Timer {
    const timer: Pending = {
      at: this.#monotonic + Math.max(0, ms),
      callback,
      cancel: () => this.#timers.delete(timer),
    };
    this.#timers.add(timer);
    return timer;
  }

  afterInput(callback: () => void): void {
    setImmediate(callback);
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Time passes on both clocks; what falls due runs in order, with everything that follows from it. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settled();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#pass(Math.max(0, next.at - this.#monotonic));
      this.#timers.delete(next);
      next.callback();
      await settled();
    }
    this.#pass(end - this.#monotonic);
    await settled();
  }

  /** Time passes, but no timer runs: a blocked event loop, or a stopped process. */
  block(ms: number): void {
    this.#pass(ms);
  }

  /** Somebody sets the wall clock, or the monotonic clock stood still while the machine was suspended. */
  stepWall(ms: number): void {
    this.#wall += ms;
  }

  #pass(ms: number): void {
    this.#monotonic += ms;
    this.#wall += ms;
  }

  #next(end: number): Pending | undefined {
    let next: Pending | undefined;
    for (const timer of this.#timers) if (timer.at <= end && (!next || timer.at < next.at)) next = timer;
    return next;
  }
}

/** Waits until nothing is left to do without time passing. */
export async function settled(): Promise<void> {
  await nextTurn();
  await nextTurn();
}
