import { outsideCalls, ownContext } from '../../common/clock.js';
import { setMaxListeners } from 'node:events';

/**
 * A real AbortSignal that looks at the clock whenever it is read.
 *
 * A timer alone is late when the event loop was blocked or the process stopped: the first look after waking would
 * still see a lease that is over. `check` ends the lease, and so aborts this signal, if it is time.
 *
 * Whatever ends the lease, a timer or another call, its listeners run in the async context of who asked for the signal.
 */
export class LeaseSignal {
  readonly #controller = new AbortController();
  #context = ownContext();

  constructor(check: () => void) {
    const { signal } = this.#controller;
    // It is handed to all that the work starts, which is no leak.
    setMaxListeners(0, signal);
    const proto = AbortSignal.prototype;
    const read = (property: 'aborted' | 'reason'): unknown => Reflect.get(proto, property, signal);
    Object.defineProperties(signal, {
      aborted: {
        get: () => {
          check();
          return read('aborted');
        },
      },
      reason: {
        get: () => {
          check();
          return read('reason');
        },
      },
      throwIfAborted: {
        value: () => {
          check();
          proto.throwIfAborted.call(signal);
        },
      },
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** It is not aborted any more. What was asked for in a call reaches the leases outside it. */
  forgetContext(): void {
    this.#context = outsideCalls;
  }

  abort(reason: Error): void {
    this.#context(() => this.#controller.abort(reason));
  }
}
