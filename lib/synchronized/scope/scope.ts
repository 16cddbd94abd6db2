import { isObservable } from 'rxjs';
import { LockAcquireFailedError } from '../../errors.js';
import type { HeldLease } from '../../lock/lease/lease.js';
import {
  currentContext,
  type LeaseContext,
  runAround,
  runBodyUnder,
} from '../../lock/lease/lease-context.js';
import type { LockProvider } from '../../lock/lock-registry.js';
import { begun } from '../../lock/lease/run-under-lease.js';
import type { Client } from './client.js';
import type { SynchronizedDefinition } from '../definition.js';
import { endWithLease } from './locked-observable.js';
import { takeLease } from '../take-lease.js';

/** The lock of one name within a scope. */
interface ScopedLock {
  readonly lease: Promise<HeldLease | undefined>;
  /** Settles when the body that was entered last has ended. */
  lastBody: Promise<void>;
  /** How often the handler was entered for this lock. */
  entered: number;
}

/**
 * One call of a handler, as the outermost interceptor sees it: the locks that are taken inside are held until the
 * call as a whole has ended, after whatever other interceptors do around the handler, and never while a body runs.
 *
 * A handler that is entered again in the same call (a retry interceptor) finds its lock taken, and waits for the body
 * that still runs. An earlier try that has not begun by then was given up, and never begins.
 */
export class Scope implements LeaseContext {
  /** The lock that was taken last, which what is around the handler finds as the current one. */
  lease: HeldLease | undefined;
  readonly outer = currentContext();
  readonly #entries = new Map<string, ScopedLock>();
  readonly #leases: HeldLease[] = [];
  readonly #ended = new AbortController();
  /** Bodies, and other users of the locks, that have not ended. */
  readonly #running = new Set<Promise<void>>();
  #skipped = false;

  /** @param client whom the call is for, where the transport shows it */
  constructor(
    private readonly definition: SynchronizedDefinition,
    private readonly provider: LockProvider,
    private readonly client: Client | undefined,
  ) {}

  get label(): string {
    return this.definition.label;
  }

  get call(): this {
    return this;
  }

  /** True when the handler was not entered, as its lock was not to be had. */
  get skipped(): boolean {
    return this.#skipped;
  }

  /**
   * The scope of this async context, if it is one of this very method. Also when it has ended: pipes that were still
   * running when the call ended must not start the body afterwards.
   */
  static of(definition: SynchronizedDefinition): Scope | undefined {
    const call = currentContext()?.call;
    return call instanceof Scope && call.definition === definition ? call : undefined;
  }

  /** Runs `work` so that the handler finds this scope, and what is around the handler its lease. */
  run<T>(work: () => T): T {
    return runAround(this, work);
  }

  /** Takes the lock before the handler is entered; false when the handler is to be skipped. */
  async take(name: string): Promise<boolean> {
    const lease = await this.#entryOf(name).lease;
    this.#throwIfOver();
    this.#skipped = lease === undefined;
    return !this.#skipped;
  }

  /** Runs the handler's body under the lock. Nothing runs when the scope has ended meanwhile. */
  async enter(name: string, body: () => unknown): Promise<unknown> {
    const entry = this.#entryOf(name);
    const turn = (entry.entered += 1);
    const lease = await entry.lease;
    this.#skipped = lease === undefined;
    if (!lease) return undefined;
    const before = entry.lastBody;
    const ended = this.#begin((running) => (entry.lastBody = running));
    try {
      await before;
      this.#throwIfOver();
      if (entry.entered !== turn) throw this.#notRun('the call was tried again');
      // A lock that was taken before the handler, or for an earlier try of it.
      if (lease.lost) throw lease.lost;
      const { label, options } = this.definition;
      const result = await runBodyUnder(lease, label, () => begun(body()));
      if (isObservable(result)) return endWithLease(lease, this.definition, () => result, this.#ended.signal);
      if (lease.lost && options.onLost !== 'warn') throw lease.lost;
      return result;
    } finally {
      ended();
    }
  }

  /** Keeps the locks while what the handler returned is still being read; `cut` ends that when a lease is lost. */
  holdWhile(reading: Promise<void>, cut: () => void): void {
    const ended = this.#begin(() => undefined);
    const signals = this.definition.options.onLost === 'warn' ? [] : this.#leases.map(({ signal }) => signal);
    for (const signal of signals) {
      if (signal.aborted) cut();
      else signal.addEventListener('abort', cut, { once: true });
    }
    void reading.then(() => {
      for (const signal of signals) signal.removeEventListener('abort', cut);
      ended();
    });
  }

  /** A lease that the scope does not hold itself was lost: an answer that is half sent must not look complete. */
  cutAnswer(): void {
    if (this.client?.answering) this.client.cut();
  }

  /** Why the result of the call cannot be trusted: one of its leases was lost. */
  get lost(): Error | undefined {
    if (this.definition.options.onLost === 'warn') return undefined;
    return this.#leases.map((lease) => lease.lost).find((lost) => lost !== undefined);
  }

  /**
   * The client has left: who still waits for a lock gives up the place, and an Observable is ended; a body that runs goes
   * on under its lock.
   */
  abandon(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort(this.#notRun('the call ended'));
  }

  /** True for the error of a call whose client left before its lock was to be had. */
  wasLeft(error: unknown): error is LockAcquireFailedError {
    return error instanceof LockAcquireFailedError && error === this.#ended.signal.reason;
  }

  /** A client may have left without any event having told so yet. */
  #throwIfOver(): void {
    if (this.client?.gone && !this.client.answered) this.abandon();
    this.#ended.signal.throwIfAborted();
  }

  #notRun(why: string): LockAcquireFailedError {
    return new LockAcquireFailedError(
      `${this.definition.label}: ${why} before its lock was to be had, so it did not run`,
    );
  }

  /**
   * Ends the scope: who still waits for a lock is refused, and the leases are given back when the last body has ended.
   * Resolves when that is done, or at once while a body still runs.
   */
  async end(): Promise<void> {
    this.abandon();
    const idle = this.#running.size === 0;
    const released = this.#release();
    if (idle) await released;
  }

  #entryOf(name: string): ScopedLock {
    const known = this.#entries.get(name);
    if (known) return known;
    const entry: ScopedLock = { lease: this.#take(name), lastBody: Promise.resolve(), entered: 0 };
    this.#entries.set(name, entry);
    return entry;
  }

  async #take(name: string): Promise<HeldLease | undefined> {
    let lease: HeldLease | undefined;
    try {
      lease = await takeLease(this.definition, this.provider, name, this.#ended.signal);
      if (lease) this.#leases.push((this.lease = lease));
      return lease;
    } finally {
      // Not taken, it is asked for again when the handler is entered again.
      if (!lease) this.#entries.delete(name);
    }
  }

  #begin(remember: (running: Promise<void>) => void): () => void {
    let end = (): void => undefined;
    const running = new Promise<void>((resolve) => {
      end = () => {
        this.#running.delete(running);
        resolve();
      };
    });
    this.#running.add(running);
    remember(running);
    return end;
  }

  async #release(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    const pending = [...this.#entries.values()].map((entry) => entry.lease.catch(() => undefined));
    for (const lease of await Promise.all(pending)) await lease?.finish();
  }
}
