import { isObservable } from 'rxjs';
import { Cancellation } from '../../common/cancellation.js';
import { LockAcquireFailedError } from '../../errors.js';
import {
  begun,
  currentContext,
  type HeldLease,
  type LeaseContext,
  outerContext,
  runAround,
  runBodyUnder,
} from '../../lock/lease/index.js';
import type { LockProvider } from '../../lock/index.js';
import { type LockNames, sameNames } from '../../lock/name/index.js';
import type { Client } from './client.js';
import { type SynchronizedDefinition, takeLease } from '../definition/index.js';
import { endWithLease } from './locked-observable.js';
import { notRun, presentTurn, ScopedLock } from './scoped-lock.js';

const DONE: Promise<unknown> = Promise.resolve();

/**
 * One call of a handler, as the outermost interceptor sees it. The locks that are taken inside are held until the call as a whole
 * has ended, after the other interceptors around the handler. They are never released while a body runs.
 *
 *   open ── end(), no body runs ─────────────────────────→ released
 *     └──── end(), a body runs ──→ ending ── it returns ──→ released
 *
 * A handler that is entered again in the same call (a retry interceptor) finds its lock taken, and waits for the body that still runs. An
 * earlier try that has not begun by then was given up, and never begins. But a decorator above the method may call it for each item of
 * a list at once, or after the answer. All these calls run, each under a lease of its own. A single one is kept to the end of the call.
 *
 * Every request pays for this class: nearly all calls take one lock, run one body, and are never cancelled.
 */
export class Scope implements LeaseContext {
  /** The lease that was taken last. The code around the handler finds it as the current one. */
  lease: HeldLease | undefined;
  outer = outerContext();
  /** Cancelled when the call has ended, or its client has left: no body begins after that. */
  readonly #cancellation: Cancellation;
  /** The first lock of a linked list. */
  #locks: ScopedLock | undefined;
  /** Bodies, and other users of the locks, that have not ended. */
  #running = 0;
  #end: Promise<unknown> | undefined;
  #skipped = false;
  #calls = 0;
  #answered = false;

  /**
   * @param client of the call, where the transport shows it
   * @param eachForItself whether each call of the method stands for itself, and is no new try of the last one
   */
  constructor(
    private readonly definition: SynchronizedDefinition,
    private readonly provider: LockProvider,
    private readonly client: Client | undefined,
    private readonly eachForItself = false,
  ) {
    this.#cancellation = new Cancellation(() => notRun(definition, 'the call ended'), client);
  }

  get label(): string {
    return this.definition.label;
  }

  get call(): this {
    return this;
  }

  get over(): boolean {
    return this.#end !== undefined && this.lease?.givenBack !== false;
  }

  /** True when the handler was not entered, as another holder had its lock. */
  get skipped(): boolean {
    return this.#skipped;
  }

  /**
   * The scope of this async context, if it is one of this very method. Also when it has ended: pipes that still ran then must not
   * start the body. What a decorator begins after the answer is no part of the call.
   */
  static of(definition: SynchronizedDefinition): Scope | undefined {
    const call = currentContext()?.call;
    if (!(call instanceof Scope) || call.definition !== definition) return undefined;
    return call.#answered && call.eachForItself ? undefined : call;
  }

  /** Runs `work` so that the handler finds this scope, and the code around the handler finds its lease. */
  run<T>(work: () => T): T {
    return runAround(this, work);
  }

  /** Takes the lock before the handler is entered; false when the handler is to be skipped. */
  async take(name: LockNames): Promise<boolean> {
    const lease = await this.#lockOf(name).taking;
    this.#cancellation.throwIfAborted();
    this.#skipped = lease === undefined;
    return !this.#skipped;
  }

  /**
   * Runs the handler's body under the lock. Nothing runs when the scope has ended meanwhile.
   * @param self the object of the handler, for the name of the lock
   */
  async enter(self: unknown, args: readonly unknown[], body: () => unknown): Promise<unknown> {
    const name = this.definition.nameOf(self, args);
    return this.eachForItself ? this.#enterAlone(name, body) : this.#runUnder(this.#lockOf(name), body);
  }

  /** It counts as running from here, so that it is not given up when the handler has answered. */
  async #enterAlone(name: LockNames, body: () => unknown): Promise<unknown> {
    this.#running += 1;
    this.#calls += 1;
    const turn = presentTurn();
    const before = this.#locks;
    let lock: ScopedLock | undefined;
    try {
      // It was kept for the case that it stays the only one.
      if (before?.ended) await this.#letGo(before);
      lock = this.#lockOf(name, turn);
      return await this.#runUnder(lock, body);
    } finally {
      if (this.#calls > 1 && lock) await this.#letGo(lock);
      this.#ranOne();
    }
  }

  async #runUnder(lock: ScopedLock, body: () => unknown): Promise<unknown> {
    const attempt = lock.newTry();
    const lease = lock.lease ?? (await lock.taking);
    this.#skipped = lease === undefined;
    if (!lease) return undefined;
    while (lock.running) await lock.whenEnded();
    // From here to `begin` nothing is awaited, so that no other try comes in between.
    this.#cancellation.throwIfAborted();
    if (!lock.isLatest(attempt)) throw notRun(this.definition, 'the call was tried again');
    // The lock may have been taken before the handler, or for an earlier try of it.
    if (lease.lost) throw lease.lost;
    lock.begin();
    this.#running += 1;
    try {
      const { label, options } = this.definition;
      const result = await runBodyUnder(lease, label, () => begun(body()));
      if (isObservable(result)) return endWithLease(lease, this.definition, () => result, this.#cancellation);
      if (lease.lost && options.onLost !== 'warn') throw lease.lost;
      return result;
    } finally {
      lock.end();
      this.#ranOne();
    }
  }

  /** Keeps the locks while the handler's result is still being read; `cut` ends the answer when a lease is lost. */
  holdWhile(reading: Promise<void>, cut: () => void): void {
    this.#running += 1;
    const signals = this.definition.options.onLost === 'warn' ? [] : this.#leases.map(({ signal }) => signal);
    for (const signal of signals) {
      if (signal.aborted) cut();
      else signal.addEventListener('abort', cut, { once: true });
    }
    void reading.then(() => {
      for (const signal of signals) signal.removeEventListener('abort', cut);
      this.#ranOne();
    });
  }

  /** A lease that the scope does not hold itself was lost: an answer that is half sent must not look complete. */
  cutAnswer(): void {
    if (this.client?.answering) this.client.cut();
  }

  /** Why the result of the call cannot be trusted: one of its leases was lost. */
  get lost(): Error | undefined {
    if (this.definition.options.onLost === 'warn') return undefined;
    for (let lock = this.#locks; lock; lock = lock.next) if (lock.lease?.lost) return lock.lease.lost;
    return undefined;
  }

  /**
   * Ends the scope: calls that still wait for a lock are refused, and the leases are given back when the last body has ended.
   * Only the first call has an effect. Resolves when that is done, or at once while a body still runs.
   */
  end(answered = false): Promise<unknown> {
    if (this.#end) return this.#end;
    this.#answered = answered;
    if (!answered || !this.eachForItself) this.#cancellation.cancel();
    this.#end = this.#running === 0 ? this.#release() : DONE;
    return this.#end;
  }

  /** True for the error of a call whose client left before the call got its lock. */
  wasLeft(error: unknown): error is LockAcquireFailedError {
    return error instanceof LockAcquireFailedError && this.#cancellation.isReason(error);
  }

  get #leases(): HeldLease[] {
    const leases: HeldLease[] = [];
    for (let lock = this.#locks; lock; lock = lock.next) if (lock.lease) leases.push(lock.lease);
    return leases;
  }

  #lockOf(name: LockNames, turn?: object): ScopedLock {
    for (let lock = this.#locks; lock; lock = lock.next)
      if (sameNames(lock.name, name) && !(turn && lock.giveUpTryBefore(turn))) return lock;
    const lock = new ScopedLock(name, this.#locks, turn);
    this.#locks = lock;
    const taken = (lease: HeldLease | undefined): void => this.#taken(lock, lease);
    lock.take(takeLease(this.definition, this.provider, name, this.#cancellation, taken));
    return lock;
  }

  /** @param lease undefined when the call did not get the lock */
  #taken(lock: ScopedLock, lease: HeldLease | undefined): void {
    if (lease) {
      this.lease = lease;
      lock.taken(lease);
    }
    // The lock is asked for again when the handler is entered again.
    else this.#locks = this.#locks?.without(lock);
  }

  /** Gives the lock back before the call has ended. */
  async #letGo(lock: ScopedLock): Promise<void> {
    this.#locks = this.#locks?.without(lock);
    await lock.lease?.finish();
  }

  /** A body, or another user of the locks, has ended. */
  #ranOne(): void {
    this.#running -= 1;
    if (this.#running === 0 && this.#end) void this.#release();
  }

  /** Never rejects. */
  #release(): Promise<unknown> {
    const lock = this.#locks;
    if (!lock) return DONE;
    return lock.lease && !lock.next ? lock.lease.finish() : this.#releaseAll();
  }

  async #releaseAll(): Promise<void> {
    for (let lock = this.#locks; lock; lock = lock.next) {
      // A lock that is still being asked for is refused at once, as the scope is cancelled, or comes all the same.
      const lease = lock.lease ?? (await lock.taking?.catch(() => undefined));
      await lease?.finish();
    }
  }
}
