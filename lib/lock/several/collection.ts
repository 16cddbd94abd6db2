import type { AcquireResult, AcquireTerms, NotAcquired } from '../acquire/index.js';
import { BoundedLease, HeldLease } from '../lease/index.js';
import type { LockManager } from '../lock-manager.js';
import { enterContext } from './enter-context.js';
import type { JointPart } from './joint-lease.js';

/**
 * The time limit, ms, for which a call keeps its locks while it waits for the next one. Other calls may want only those.
 * The limit doubles after each round that got nowhere, up to `LONGEST_ROUND_LIMIT`, so that the call is not overtaken for ever.
 */
export const FIRST_ROUND_LIMIT = 500;
export const LONGEST_ROUND_LIMIT = 8000;

/** One wanted lock: its key, and the names that mean it. */
export interface WantedLock {
  readonly key: string;
  readonly names: readonly string[];
}

/**
 * Gets all of some locks, or none.
 *
 * It waits for them one after the other, in the order of their keys, which is the same in every process: a call that waits for a lock
 * holds none but earlier ones, so no two calls wait for each other. When that takes long, it gives its locks back and keeps its place
 * in the queue at which it waits. When it has got that lock, it tries the earlier ones without waiting. If one of them is taken by then,
 * it gives everything back, and begins anew.
 */
export class Collection {
  readonly #held = new Map<WantedLock, HeldLease>();
  #roundLimit = FIRST_ROUND_LIMIT;
  /** When the first of the held locks was taken, on the monotonic clock, ms. */
  #since = 0;
  #givingBack: Promise<unknown> | undefined;
  readonly #began: number;

  /**
   * @param wanted in the order in which every call takes them
   * @param terms of each of them
   */
  constructor(
    private readonly manager: LockManager,
    private readonly wanted: readonly WantedLock[],
    private readonly terms: AcquireTerms,
  ) {
    this.#began = manager.clock.monotonic();
  }

  /** @throws what the acquisition of one lock throws. No lock is held then, nor after a refusal */
  async run(): Promise<readonly JointPart[] | NotAcquired> {
    try {
      for (;;) {
        const outcome = await this.#round();
        if (outcome !== 'again') return outcome;
        this.#roundLimit = Math.min(2 * this.#roundLimit, LONGEST_ROUND_LIMIT);
      }
    } catch (error) {
      await this.#giveBackAll();
      throw error;
    }
  }

  async #round(): Promise<readonly JointPart[] | NotAcquired | 'again'> {
    for (const [index, lock] of this.wanted.entries()) {
      const result = await this.#waitFor(lock);
      if (!this.#keep(lock, result)) return this.#refuse(lock, result);
      if (await this.#tryAll(this.wanted.slice(0, index))) continue;
      await this.#giveBackAll();
      // A call that waits no longer has had its last chance.
      if (this.terms.waitLimit.end) return this.#refuseAtLast(lock);
      return 'again';
    }
    return this.wanted.map((lock) => ({ names: lock.names, lease: this.#held.get(lock)! }));
  }

  /** The tries without waiting have reported no refusal. */
  #refuseAtLast(lock: WantedLock): Promise<NotAcquired> {
    this.manager.tellRefused({ ...this.terms, name: lock.names[0] as string }, this.#began);
    return this.#refuse(lock, {});
  }

  async #refuse(lock: WantedLock, result: NotAcquired): Promise<NotAcquired> {
    await this.#giveBackAll();
    return { ...result, taken: lock.names[0] };
  }

  /** Waits up to the call's time limit. Keeps the other locks meanwhile, up to the time limit of this round. */
  async #waitFor(lock: WantedLock): Promise<AcquireResult> {
    const { clock } = this.manager;
    if (this.#held.size === 0) return this.#acquire(lock, this.terms);
    const left = this.#since + this.#roundLimit - clock.monotonic();
    const timer = clock.setTimer(left, () => {
      this.#givingBack = this.#giveBackAll();
    });
    try {
      return await this.#acquire(lock, this.terms);
    } finally {
      timer.cancel();
      await this.#givingBack;
    }
  }

  /** True when all of these are held; a lock that was given back, or lost, is tried once. */
  async #tryAll(locks: readonly WantedLock[]): Promise<boolean> {
    const { waitLimit } = this.terms;
    for (const lock of locks) {
      if (this.#held.get(lock)?.held) continue;
      await this.#giveBack(lock);
      const once: AcquireTerms = {
        ...this.terms,
        part: 'try',
        waitLimit: this.manager.waitLimit(false, waitLimit.signal),
      };
      if (!this.#keep(lock, await this.#acquire(lock, once))) return false;
    }
    return true;
  }

  async #acquire({ key, names }: WantedLock, terms: AcquireTerms): Promise<AcquireResult> {
    const [name] = names as [string];
    const own = { ...terms, name, key, names: undefined };
    return (terms.reentrant && enterContext(this.manager, own)) || this.manager.acquire(own);
  }

  #keep(lock: WantedLock, result: AcquireResult): result is HeldLease {
    if (!(result instanceof HeldLease)) return false;
    if (this.#held.size === 0) this.#since = this.manager.clock.monotonic();
    this.#held.set(lock, result);
    return true;
  }

  async #giveBackAll(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((lock) => this.#giveBack(lock)));
  }

  async #giveBack(lock: WantedLock): Promise<void> {
    const lease = this.#held.get(lock);
    this.#held.delete(lock);
    // Nothing was done under it.
    if (lease instanceof BoundedLease) lease.waiveMinHold();
    await lease?.finish();
  }
}
