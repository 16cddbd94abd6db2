import { Bag, type Slot } from './bag.js';

/** The listeners of one signal. Node warns of a leak when a signal has more than ten listeners, so the signal has one for all of them. */
class AbortListeners {
  readonly #listeners = new Bag<() => void>();
  readonly #onAbort = (): void => {
    for (const listener of this.#listeners.items()) listener();
  };

  constructor(private readonly signal: Pick<AbortSignal, 'addEventListener' | 'removeEventListener'>) {}

  add(listener: () => void): Slot<() => void> {
    if (this.#listeners.size === 0) this.signal.addEventListener('abort', this.#onAbort);
    return this.#listeners.add(listener);
  }

  remove(slot: Slot<() => void>): void {
    this.#listeners.remove(slot);
    if (this.#listeners.size === 0) this.signal.removeEventListener('abort', this.#onAbort);
  }
}

const bySignal = new WeakMap<AbortSignal, AbortListeners>();

/** Calls `listener` when the signal aborts; returns how to call that off. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  let listeners = bySignal.get(signal);
  if (!listeners) bySignal.set(signal, (listeners = new AbortListeners(signal)));
  const slot = listeners.add(listener);
  return () => listeners.remove(slot);
}
