import { type Clock, outsideCalls, type Timer } from '../common/clock.js';

/** Node's own timers, also when a test puts fake ones in their place later. */
const { setImmediate: nodeImmediate, setTimeout: nodeTimeout, clearTimeout: nodeClear } = globalThis;
const now = performance.now.bind(performance);

interface Pending extends Timer {
  readonly at: number;
  readonly callback: () => void;
  /** Set when the clock goes by itself. */
  real?: NodeJS.Timeout;
}

/** A clock that moves only when a test moves it. Monotonic time starts at 1000 ms. */
export class DrivenClock implements Clock {
  #monotonic = 1000;
  #wall: number;
  #timers = new Set<Pending>();
  /** Real time at which the clock was last read, ms; undefined as long as it is driven. */
  #lastLook?: number;

  /** @param wall Unix time at the start, ms; default 2020-01-01 */
  constructor(wall = Date.UTC(2020, 0, 1)) {
    this.#wall = wall;
  }

  monotonic(): number {
    this.#follow();
    return this.#monotonic;
  }

  wall(): number {
    this.#follow();
    return this.#wall;
  }

  setTimer(ms: number, callback: () => void): Timer {
    const timer: Pending = {
      at: this.monotonic() + Math.max(0, ms),
      callback,
      cancel: () => {
        nodeClear(timer.real);
        this.#timers.delete(timer);
      },
    };
    this.#timers.add(timer);
    if (this.#lastLook !== undefined) this.#arm(timer);
    return timer;
  }

  afterInput(callback: () => void): void {
    nodeImmediate(callback);
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Time passes on both clocks; the timers that fall due run in order, with everything that follows from them. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settled();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#pass(Math.max(0, next.at - this.#monotonic));
      this.#run(next);
      await settled();
    }
    this.#pass(end - this.#monotonic);
    await settled();
  }

  /** Time passes, but no timer runs: a blocked event loop, or a stopped process. */
  block(ms: number): void {
    this.#pass(ms);
  }

  /** Steps the wall clock alone: as when it is set, or as the monotonic clock stands still while the machine is suspended. */
  stepWall(ms: number): void {
    this.#wall += ms;
  }

  /** From now on time passes by itself: no test drives the clock while an application closes. */
  letGo(): void {
    if (this.#lastLook !== undefined) return;
    this.#lastLook = now();
    for (const timer of this.#timers) this.#arm(timer);
  }

  #follow(): void {
    if (this.#lastLook === undefined) return;
    const look = now();
    this.#pass(look - this.#lastLook);
    this.#lastLook = look;
  }

  /** A timer that is left over keeps no process alive. */
  #arm(timer: Pending): void {
    const due = (): void => {
      this.#follow();
      if (timer.at > this.#monotonic) this.#arm(timer);
      else this.#run(timer);
    };
    timer.real = nodeTimeout(due, Math.max(0, timer.at - this.#monotonic)).unref();
  }

  #run(timer: Pending): void {
    this.#timers.delete(timer);
    outsideCalls(timer.callback);
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

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    nodeImmediate(resolve);
  });
}
