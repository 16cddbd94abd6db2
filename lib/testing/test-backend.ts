import type { Clock, Timer } from '../common/clock.js';
import type {
  BackendChange,
  Claim,
  Driver,
  DriverContext,
  Grant,
  LockMode,
  LockStore,
  Loss,
} from '../drivers/driver.js';
import { unnamedSpace } from '../drivers/memory/index.js';
import { BackendUnavailableError } from '../errors.js';

/** A lease as the back end has it. */
interface Kept {
  readonly claim: Claim;
  readonly grant: Grant;
  /** The memory driver that made it. */
  readonly locks: LockStore;
  /** Frees the lock at the end of the ttl. */
  expiry: Timer;
  /** The loss that the test gives to it. */
  loss?: Loss;
}

/** The back end of all replicas of one test: a memory space whose leases end by their ttl, and which can be taken away. */
export class TestBackend {
  /** Makes the memory driver of one coordinator. */
  readonly open: (context: DriverContext) => Promise<Driver> = unnamedSpace();
  readonly #kept = new Map<string, Kept>();
  /** Each tells one started driver of a change. */
  readonly #drivers = new Set<(change: BackendChange) => void>();
  /** Each wakes one waiter. */
  readonly #waiters = new Set<() => void>();
  #failure?: BackendUnavailableError;

  constructor(readonly clock: Clock) {}

  /** @throws BackendUnavailableError while it is taken away */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** Calls fail from now on; waiters try at once, and fail. */
  fail(message: string): void {
    const first = this.#failure === undefined;
    const cause = new BackendUnavailableError(
      `The back end of the test cannot be used: ${message}; restoreBackend() of the CoordinationTestKit brings it back`,
    );
    this.#failure = cause;
    if (first) for (const tell of this.#drivers) tell({ state: 'down', cause });
    for (const wake of this.#waiters) queueMicrotask(wake);
  }

  restore(): void {
    if (!this.#failure) return;
    this.#failure = undefined;
    for (const tell of this.#drivers) tell({ state: 'up' });
    for (const wake of this.#waiters) queueMicrotask(wake);
  }

  /** @returns how to take the driver out again */
  addDriver(tell: (change: BackendChange) => void): () => void {
    this.#drivers.add(tell);
    return () => this.#drivers.delete(tell);
  }

  /** @returns how to take the waiter out again */
  addWaiter(wake: () => void): () => void {
    this.#waiters.add(wake);
    return () => this.#waiters.delete(wake);
  }

  /** The claim for the memory driver, and the function that keeps its grant. */
  watched(claim: Claim): { readonly claim: Claim; readonly keep: (grant: Grant, locks: LockStore) => void } {
    const { name, key, ttl, tokens, mode, memberId } = claim;
    let kept: Kept | undefined;
    const onRevoked = (loss: Loss): void => {
      if (kept) this.#drop(kept.grant.id);
      claim.onRevoked(kept?.loss ?? loss);
    };
    return {
      claim: { name, key, ttl, tokens, mode, memberId, onRevoked },
      keep: (grant, locks) => {
        kept = { claim, grant, locks, expiry: this.#expiry(grant, ttl, locks) };
        this.#kept.set(grant.id, kept);
      },
    };
  }

  /** The lease ends `ttl` ms from now. */
  extend(grant: Grant, ttl: number): void {
    const kept = this.#kept.get(grant.id);
    if (!kept) return;
    kept.expiry.cancel();
    kept.expiry = this.#expiry(grant, ttl, kept.locks);
  }

  released(grant: Grant): void {
    this.#drop(grant.id);
  }

  /** How the lock of that name is held; all of its holders hold it in one mode. */
  modeOf(name: string): LockMode {
    const kept = [...this.#kept.values()].find(({ claim }) => claim.name === name);
    return kept?.claim.mode ?? 'exclusive';
  }

  /**
   * Takes the lock of that name away from those members, with that loss.
   * @returns how many leases were lost
   */
  async lose(name: string, isOurs: (memberId: string) => boolean, loss: Loss): Promise<number> {
    const found = [...this.#kept.values()].filter(
      ({ claim }) => claim.name === name && isOurs(claim.memberId),
    );
    for (const kept of found) {
      const { claim, grant, locks } = kept;
      kept.loss = loss;
      await locks.revoke({ name, key: grant.key, id: grant.id, memberId: claim.memberId, holds: 'yes' });
    }
    return found.length;
  }

  /** No timer is left. */
  close(): void {
    for (const { expiry } of this.#kept.values()) expiry.cancel();
    this.#kept.clear();
  }

  #expiry(grant: Grant, ttl: number, locks: LockStore): Timer {
    return this.clock.setTimer(
      ttl,
      () => {
        this.#drop(grant.id);
        // This frees the lock without a word to the holder, which knows its deadline.
        void locks.release(grant);
      },
      'background',
    );
  }

  #drop(id: string): void {
    this.#kept.get(id)?.expiry.cancel();
    this.#kept.delete(id);
  }
}
