import { outsideCalls, ownContext } from '../../common/clock.js';
import { setMaxListeners } from 'node:events';

/**
 * A real AbortSignal that checks the clock whenever it is read.
 *
 * A timer alone is late when the event loop was blocked or the process stopped: the first read after waking would
 * still show a lease that is over as held. `check` ends the lease, and so aborts this signal, if it is time.
 *
 * Its listeners run in the async context of the code that asked for the signal, whether a timer or another call ends the lease.
 */
export class LeaseSignal {
  readonly #controller = new AbortController();
  #context = ownContext();

  constructor(check: () => void) {
    const { signal } = this.#controller;
    // The work hands the signal to everything that it starts, which is no leak.
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

  /** Called when the signal is not aborted any more: its context would keep the leases outside its call. */
  forgetContext(): void {
    this.#context = outsideCalls;
  }

  abort(reason: Error): void {
    this.#context(() => this.#controller.abort(reason));
  }
}
