import { Bag } from './bag.js';

/** Whoever a call works for, as far as it shows by itself when it leaves: the client of a request. */
export interface CancelSource {
  /** True when it has left without its answer. */
  readonly hasLeft: boolean;
  /** Calls `listener` when it may have left, at most once; returns how to call that off. */
  onGone(listener: () => void): () => void;
}

/**
 * Tells what works for one call that nobody waits for its result any more.
 *
 * An `AbortController` does the same for the outside, and costs each call several microseconds: an error with a stack as the
 * reason of its abort, and an event that is dispatched. Here the reason is made when it is read, a cancellation
 * without listeners sets a flag, and the source is listened to only while something waits for long.
 */
export class Cancellation {
  #cancelled = false;
  #reason: unknown;
  #listeners: Bag<() => void> | undefined;
  #watchers = 0;
  #stopWatching: (() => void) | undefined;

  /**
   * @param makeReason what a waiting call rejects with
   * @param source cancels this when it leaves
   */
  constructor(
    private readonly makeReason: () => unknown,
    private readonly source?: CancelSource,
  ) {}

  /** Looks at the source: it may have left without any event having told so yet. */
  get aborted(): boolean {
    if (!this.#cancelled && this.source?.hasLeft) this.cancel();
    return this.#cancelled;
  }

  /** What a call that was cancelled rejects with. */
  get reason(): unknown {
    if (!this.aborted) return undefined;
    return (this.#reason ??= this.makeReason());
  }

  /** True for the very error that this made as its reason. */
  isReason(error: object): boolean {
    return this.#reason === error;
  }

  /** @throws the reason, once it was cancelled */
  throwIfAborted(): void {
    if (this.aborted) throw this.reason;
  }

  /** Only the first call has an effect. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#endWatch();
    const listeners = this.#listeners?.items();
    this.#listeners = undefined;
    if (listeners) for (const listener of listeners) listener();
  }

  /**
   * Calls `listener` when this is cancelled; returns how to call that off. Not for something short: nobody listens to the
   * source meanwhile. Has to be asked before whether it was cancelled already.
   */
  onCancel(listener: () => void): () => void {
    const listeners = (this.#listeners ??= new Bag());
    const slot = listeners.add(listener);
    return () => listeners.remove(slot);
  }

  /** The same, and listens to the source as well, for what may take long. */
  onCancelOrGone(listener: () => void): () => void {
    const forget = this.onCancel(listener);
    this.#watchers += 1;
    this.#stopWatching ??= this.source?.onGone(() => this.#onGone());
    let watching = true;
    return () => {
      forget();
      if (!watching) return;
      watching = false;
      this.#watchers -= 1;
      if (this.#watchers === 0) this.#endWatch();
    };
  }

  #onGone(): void {
    this.#stopWatching = undefined;
    if (this.source?.hasLeft) this.cancel();
  }

  #endWatch(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }
}
