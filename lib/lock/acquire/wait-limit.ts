import { Bag, type Slot } from '../../common/bag.js';
import { onAbort } from '../../common/abort-listeners.js';
import { Cancellation } from '../../common/cancellation.js';
import type { Clock, Timer } from '../../common/clock.js';
import type { Caller } from '../../drivers/driver.js';

/** Why a wait ended without the lock. */
export type WaitEnd = 'timeout' | 'aborted' | 'draining';

/** Arranges for `wake` to be called, and returns how to call the arrangement off. */
export type Arrangement = (wake: () => void) => () => void;

/**
 * How long one call is ready to wait: until its time is over, its signal aborts, or the coordinator shuts down.
 * Costs nothing until there is something to wait for.
 */
export class WaitLimit implements Caller {
  readonly #until: number;

  constructor(
    private readonly clock: Clock,
    /** true: for ever · false or 0: one try · n: at most n ms. */
    readonly blocking: boolean | number,
    private readonly drain: Drain,
    readonly signal?: AbortSignal | Cancellation,
  ) {
    if (blocking === true) this.#until = Infinity;
    else this.#until = blocking === false ? 0 : clock.monotonic() + blocking;
  }

  /** True when the caller wants a single try and no waiting. */
  get tryOnce(): boolean {
    return this.blocking === false || this.blocking === 0;
  }

  /** Why waiting is over by now, if it is. */
  get end(): WaitEnd | undefined {
    return this.cancelled ?? (this.clock.monotonic() >= this.#until ? 'timeout' : undefined);
  }

  /** Why the caller has gone for good, if it has. A time-out does not count: it never cuts a try short. */
  get cancelled(): 'aborted' | 'draining' | undefined {
    if (this.signal?.aborted) return 'aborted';
    return this.drain.over ? 'draining' : undefined;
  }

  /** Whether the caller wants no lock any more. */
  get hasGone(): boolean {
    return this.cancelled !== undefined;
  }

  /** Whether a try need not begin any more. */
  get hasCancelled(): boolean {
    return (this.tryOnce ? this.cancelled : this.end) !== undefined;
  }

  /**
   * Waits for `arrange` to wake it, for `ms`, or for the end of the wait, whichever comes first.
   * Resolves to true when it was woken.
   */
  wait(arrange: Arrangement, ms = Infinity): Promise<boolean> {
    const { clock, drain, signal } = this;
    const left = Math.min(ms, this.#until - clock.monotonic());
    return new Promise((resolve) => {
      let settled = false;
      let callOff: (() => void) | undefined;
      let timer: Timer | undefined;
      let atDrain: Slot<() => void> | undefined;
      let offAbort: (() => void) | undefined;
      const settle = (woken: boolean): void => {
        if (settled) return;
        settled = true;
        callOff?.();
        timer?.cancel();
        if (atDrain) drain.forget(atDrain);
        offAbort?.();
        resolve(woken);
      };
      const giveUp = (): void => settle(false);

      callOff = arrange(() => settle(true));
      if (settled) return callOff();
      if (left <= 0 || this.cancelled) return giveUp();
      if (left !== Infinity) timer = clock.setTimer(left, giveUp);
      atDrain = drain.onOver(giveUp);
      offAbort =
        signal instanceof Cancellation ? signal.onCancelOrGone(giveUp) : signal && onAbort(signal, giveUp);
    });
  }

  /**
   * Waits for a try that is under way, and settles as it does. A time-out does not cut it short, as the driver bounds a try.
   * A caller that leaves cuts it short.
   * @param judge makes the outcome from the attempt's result, at once; gets undefined when the caller has gone
   * @param excuse makes the outcome from the attempt's error, or throws
   */
  waitForTry<T, U>(
    attempt: Promise<T>,
    judge: (result: T | undefined) => U | PromiseLike<U>,
    excuse: (error: unknown) => U,
  ): Promise<Awaited<U>> {
    const { drain, signal } = this;
    return new Promise((resolve, reject) => {
      let settled = false;
      const settle = <V>(make: (outcome: V) => U | PromiseLike<U>, outcome: V): void => {
        if (settled) return;
        settled = true;
        drain.forget(atDrain);
        offAbort?.();
        try {
          resolve(make(outcome) as Awaited<U>);
        } catch (error) {
          reject(error);
        }
      };
      const giveUp = (): void => settle(judge, undefined);
      const atDrain = drain.onOver(giveUp);
      // A try is short: whether the client has left meanwhile is checked after the answer.
      const offAbort =
        signal instanceof Cancellation ? signal.onCancel(giveUp) : signal && onAbort(signal, giveUp);
      if (this.cancelled) return giveUp();
      attempt.then(
        (result) => settle(judge, result),
        (error: unknown) => settle(excuse, error),
      );
    });
  }
}

/**
 * The end of waiting at shutdown. Once it has begun, waiting calls and new ones may wait until it is over.
 */
export class Drain {
  #over = false;
  #timer?: Timer;
  readonly #listeners = new Bag<() => void>();

  constructor(private readonly clock: Clock) {}

  /** True once it has begun: work that no call waits for need not begin any more. */
  get begun(): boolean {
    return this.#over || this.#timer !== undefined;
  }

  /** True when no call may wait any more. */
  get over(): boolean {
    return this.#over;
  }

  /** Gives the waiters `ms` milliseconds; a second call changes nothing. */
  begin(ms: number): void {
    if (this.#over || this.#timer) return;
    this.#timer = this.clock.setTimer(ms, () => this.finish());
  }

  /** Ends the waiting now. */
  finish(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#over) return;
    this.#over = true;
    for (const listener of this.#listeners.items()) listener();
  }

  /** Calls `listener` when waiting is over, unless it is forgotten before. */
  onOver(listener: () => void): Slot<() => void> {
    return this.#listeners.add(listener);
  }

  forget(listener: Slot<() => void>): void {
    this.#listeners.remove(listener);
  }
}
