import { onAbort } from '../common/abort-listeners.js';

/** One attempt to be elected, which several callers wait for. It ends when the last of them has left. */
export class Campaign<T> {
  readonly #abort = new AbortController();
  readonly #elected: Promise<T>;
  #callers = 0;
  #over = false;

  /**
   * @param run rejects with the reason of its signal soon after the signal aborts. It calls `commit` when it has won; the answer says
   * whether a caller still wants the term. From then on no caller can leave: the term belongs to the callers.
   */
  constructor(run: (signal: AbortSignal, commit: () => boolean) => Promise<T>) {
    this.#elected = run(this.#abort.signal, () => this.#commit()).finally(() => {
      this.#over = true;
    });
  }

  /** Settles at the end, and never rejects. */
  get done(): Promise<void> {
    return this.#elected.then(
      () => undefined,
      () => undefined,
    );
  }

  /** Whether it can be joined. */
  get open(): boolean {
    return !this.#over && !this.#abort.signal.aborted;
  }

  /** @throws the reason of the caller's signal; otherwise what the attempt throws */
  join(signal?: AbortSignal): Promise<T> {
    this.#callers += 1;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        if (this.#over) return;
        this.#callers -= 1;
        reject(signal?.reason as Error);
        if (this.#callers === 0) this.cancel(signal?.reason);
      };
      const forget = signal && onAbort(signal, leave);
      this.#elected.finally(() => forget?.()).then(resolve, reject);
    });
  }

  cancel(reason: unknown): void {
    this.#abort.abort(reason);
  }

  #commit(): boolean {
    if (this.#abort.signal.aborted) return false;
    this.#over = true;
    return true;
  }
}
