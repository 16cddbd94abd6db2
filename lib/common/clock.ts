import { AsyncResource } from 'node:async_hooks';

/** A pending timer of a {@link Clock}. */
export interface Timer {
  /** Keeps the timer from firing; does nothing after it has fired. */
  cancel(): void;
}

/**
 * The time for everything in this package: passed in, so that tests and simulations can drive it.
 */
export interface Clock {
  /** Ms since an arbitrary start; never goes back. Stands still while the machine is suspended on some systems. */
  monotonic(): number;
  /** Unix time in ms; can step in both directions. */
  wall(): number;
  /**
   * Runs `callback` once, not before `ms` milliseconds have passed. It runs outside the async context of any call, as one timer may serve
   * many calls. A `background` timer does not keep the process alive.
   */
  setTimer(ms: number, callback: () => void, kind?: 'foreground' | 'background'): Timer;
  /** Runs `callback` when everything that the sockets have received by now has been read. */
  afterInput(callback: () => void): void;
}

/** Both clocks, read at one time. */
export interface Moment {
  /** Ms since an arbitrary start. */
  readonly monotonic: number;
  /** Unix time in ms. */
  readonly wall: number;
}

export function momentOf(clock: Clock): Moment {
  return { monotonic: clock.monotonic(), wall: clock.wall() };
}

/** setTimeout takes a signed 32-bit number of ms; anything above fires at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

class SystemTimer implements Timer {
  #handle?: NodeJS.Timeout;

  constructor(ms: number, callback: () => void, kind: 'foreground' | 'background') {
    outsideCalls(() => this.#arm(performance.now() + ms, ms, callback, kind));
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  /** setTimeout counts in whole ms of the event loop's own clock, and so can be early by most of one. */
  #arm(due: number, ms: number, callback: () => void, kind: 'foreground' | 'background'): void {
    this.#handle = setTimeout(
      () => {
        const left = due - performance.now();
        if (left > 0) this.#arm(due, left, callback, kind);
        else callback();
      },
      Math.min(Math.max(0, ms), LONGEST_TIMEOUT),
    );
    if (kind === 'background') this.#handle.unref();
  }
}

/** The clocks and timers of this machine. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  setTimer: (ms, callback, kind = 'foreground') => new SystemTimer(ms, callback, kind),
  // The event loop polls its sockets between its timers and its immediates.
  afterInput: (callback) => void setImmediate(callback),
};

/** Runs work in the async context in which this was made, so that it finds the AsyncLocalStorage values of that time. */
export type OwnContext = <T>(work: () => T) => T;

/**
 * Keeps the async context of the running code, to come back to it. A timer, a reply or another call may start the work later, and the
 * context of that would be the wrong one. Costs about a microsecond.
 */
export function ownContext(): OwnContext {
  const resource = new AsyncResource('coordination');
  return (work) => resource.runInAsyncScope(work);
}

/**
 * Runs work outside the context of any call. A timer or a log line about the back end serves many calls, and would otherwise
 * be booked on the call that happened to begin it. Made when the package is loaded, outside of any call.
 */
export const outsideCalls: OwnContext = ownContext();
