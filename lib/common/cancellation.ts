import { Bag } from './bag.js';

/** The client that a call works for, where its transport shows that the client has left. */
export interface CancelSource {
  /** True when the client has left without its answer. */
  readonly hasLeft: boolean;
  /** Calls `listener` when the client may have left, at most once; returns how to call that off. */
  onGone(listener: () => void): () => void;
}

/**
 * Tells the work of one call that its client does not wait for the result any more.
 *
 * An `AbortController` does the same for the outside, and costs each call several microseconds: an error with a stack as the
 * reason of its abort, and an event that is dispatched. Here the reason is made when it is read, and a cancellation
 * without listeners sets a flag. It listens to the source only while a call waits for long.
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

  /** Asks the source too: the client may have left before any event has told so. */
  get aborted(): boolean {
    if (!this.#cancelled && this.source?.hasLeft) this.cancel();
    return this.#cancelled;
  }

  /** What a call that was cancelled rejects with. */
  get reason(): unknown {
    if (!this.aborted) return undefined;
    return (this.#reason ??= this.makeReason());
  }

  /** True for the error that this made as its reason. */
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
   * Calls `listener` when this is cancelled; returns how to call that off. Does not listen to the source, so it is for short work only.
   * It calls nothing after a cancellation, so check `aborted` as well.
   */
  onCancel(listener: () => void): () => void {
    const listeners = (this.#listeners ??= new Bag());
    const slot = listeners.add(listener);
    return () => listeners.remove(slot);
  }

  /** Does the same and listens to the source as well, for work that may take long. */
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
