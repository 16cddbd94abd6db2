import { LockAcquireFailedError } from '../../errors.js';
import type { HeldLease } from '../../lock/lease/index.js';
import type { LockNames } from '../../lock/name/index.js';
import type { SynchronizedDefinition } from '../definition/index.js';

/** What a call rejects with that was given up before its body began. */
export function notRun({ label }: SynchronizedDefinition, why: string): LockAcquireFailedError {
  return new LockAcquireFailedError(`${label}: ${why} before it got its lock, so it did not run`);
}

let turn: object | undefined;

/** The same for all calls that are made before the running code waits for anything. */
export function presentTurn(): object {
  if (!turn) queueMicrotask(() => (turn = undefined));
  return (turn ??= {});
}

/** The lock of one name, or of several together, within a call, and the tries of the handler that want it. */
export class ScopedLock {
  #taking: Promise<HeldLease | undefined> | undefined;
  #lease: HeldLease | undefined;
  #next: ScopedLock | undefined;
  #tries = 0;
  #running = false;
  #ended = false;
  /** Tries that wait for the body that runs. */
  #waiting: (() => void)[] | undefined;

  /**
   * @param next the lock of another name in the same call, as a retry with other arguments has it
   * @param turn of the only try, where each try has a lock of its own
   */
  constructor(
    readonly name: LockNames,
    next: ScopedLock | undefined,
    private readonly turn?: object,
  ) {
    this.#next = next;
  }

  get next(): ScopedLock | undefined {
    return this.#next;
  }

  /** Settles with the lease; with undefined when the call did not get the lock. */
  get taking(): Promise<HeldLease | undefined> | undefined {
    return this.#taking;
  }

  /** The lease, once the lock was taken. */
  get lease(): HeldLease | undefined {
    return this.#lease;
  }

  take(taking: Promise<HeldLease | undefined>): void {
    this.#taking = taking;
  }

  taken(lease: HeldLease): void {
    this.#lease = lease;
  }

  /** The list from this lock on, without one of its locks. */
  without(lock: ScopedLock): ScopedLock | undefined {
    if (lock === this) return this.#next;
    this.#next = this.#next?.without(lock);
    return this;
  }

  /** The number of a new try, which makes all earlier ones obsolete that have not begun. */
  newTry(): number {
    this.#tries += 1;
    return this.#tries;
  }

  /** Gives up a try that has waited since another turn: it is made anew. Returns false when the lock was not tried yet. */
  giveUpTryBefore(present: object): boolean {
    if (this.#tries === 0) return false;
    if (this.turn !== present && !this.#running && !this.#ended) this.#tries += 1;
    return true;
  }

  isLatest(attempt: number): boolean {
    return this.#tries === attempt;
  }

  /** True while the body of a try runs: no other one may begin. */
  get running(): boolean {
    return this.#running;
  }

  /** True when a body has run. */
  get ended(): boolean {
    return this.#ended;
  }

  begin(): void {
    this.#running = true;
    this.#ended = false;
  }

  /** Wakes the waiting tries; each of them checks again. */
  end(): void {
    this.#running = false;
    this.#ended = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) for (const wake of waiting) wake();
  }

  /** Resolves when the body that runs has ended. */
  whenEnded(): Promise<void> {
    return new Promise((resolve) => {
      (this.#waiting ??= []).push(resolve);
    });
  }
}
