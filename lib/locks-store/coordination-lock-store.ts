import { shown } from '../common/checks.js';
import { quoted } from '../common/quoted.js';
import type { Claim, Granted, Taken } from '../drivers/driver.js';
import { InvalidOptionsError } from '../errors.js';
import { wholly } from '../lock/acquire/index.js';
import { type LockManager, lockManagerOf, type LockProvider } from '../lock/index.js';
import { Deadline, ttlForUsable } from '../lock/lease/index.js';
import type { LockAcquireResult, LockStoreRegistry, SharedLockStore } from './contract.js';
import { KeptLease } from './kept-lease.js';
import { RenewTogether } from './renew-together.js';

/** Callers that split the votes of several nodes among them try again for so long, ms, and so often. */
const SPLIT_VOTE_MS = 100;
const MOST_TRIES = 6;

const NOT_ACQUIRED: LockAcquireResult = { acquired: false };

/**
 * Memory, files, Redis or PostgreSQL as the store of `@nestjs/locks`. A key is the name of a lock: while `@nestjs/locks` holds it,
 * `coordinator.getLock(key)` does not get it, and the other way round.
 *
 * An acquisition is one try, which does not wait. Only its owner renews a lease, which ends `ttl` ms after it was taken or last renewed.
 *
 * @example
 * providers: [
 *   {
 *     provide: CoordinationLockStore,
 *     inject: [CoordinatorService, LocksStorage],
 *     useFactory: (coordinator, storage) => new CoordinationLockStore(coordinator, storage),
 *   },
 * ]
 *
 * @publicApi
 */
export class CoordinationLockStore implements SharedLockStore {
  readonly #coordinator: LockProvider;
  readonly #leases = new Map<string, KeptLease>();
  /** Whether the call under way gets the lock, by the lock's name: one caller of this process asks at a time. */
  readonly #asking = new Map<string, Promise<boolean>>();
  readonly #renewals = new RenewTogether();

  /**
   * @param coordinator a `CoordinatorService`; calls are refused while it is not started
   * @param registry the `LocksStorage` of `@nestjs/locks`, at which the store registers itself
   */
  constructor(coordinator: LockProvider, registry?: LockStoreRegistry) {
    this.#coordinator = coordinator;
    registry?.registerSource(this);
  }

  /**
   * Takes the lock, if it is free.
   *
   * @param ttl how long it lasts without renewal, ms
   * @returns a token that is larger than all before it; `{ acquired: false }` also when the owner itself has the lock, and when the answer
   * came after the ttl
   * @throws BackendUnavailableError when the back end cannot be asked, or grants no lease of that ttl yet
   * @throws InvalidOptionsError when the ttl is longer than the back end should be asked for
   * @throws LockCreationFailedError while the coordinator is not started
   */
  async acquire(key: string, owner: string, ttl: number): Promise<LockAcquireResult> {
    const manager = lockManagerOf(this.#coordinator, `CoordinationLockStore.acquire(${shown(key)})`);
    checkCall(key, ttl, manager);
    for (let before = this.#asking.get(key); before; before = this.#asking.get(key))
      if (await before) return NOT_ACQUIRED;
    const attempt = this.#acquire(manager, key, owner, ttl);
    const answer = attempt.then(({ acquired }) => acquired);
    this.#asking.set(key, answer);
    try {
      await answer;
    } finally {
      this.#asking.delete(key);
    }
    return attempt;
  }

  /**
   * Renews the owner's lock for `ttl` ms from now.
   *
   * @returns false when the owner does not hold the lock any more, or when the answer came after the ttl
   * @throws BackendUnavailableError when that is unknown; it may be repeated
   */
  async renew(key: string, owner: string, ttl: number): Promise<boolean> {
    const lease = this.#leases.get(idOf(key, owner));
    if (!lease) return false;
    if (lease.over) return giveBackQuietly(lease);
    const end = Deadline.after(lease.clock, ttl);
    const outcome = await this.#renewals.renew(lease, ttlForUsable(ttl));
    if (outcome.kind === 'failed') throw outcome.error;
    if (outcome.kind === 'lost') {
      lease.forget();
      return false;
    }
    // The lease was given back meanwhile, or the time for which it was renewed is over.
    if (lease.over || end.over) return giveBackQuietly(lease);
    lease.extend(ttlForUsable(ttl));
    return true;
  }

  /**
   * Frees the owner's lock.
   * @returns false when the owner did not hold it any more
   * @throws BackendUnavailableError when the back end did not answer; the lock then ends by its ttl
   */
  async release(key: string, owner: string): Promise<boolean> {
    return (await this.#leases.get(idOf(key, owner))?.giveBack()) ?? false;
  }

  async #acquire(manager: LockManager, key: string, owner: string, ttl: number): Promise<LockAcquireResult> {
    const { clock, driver } = manager;
    const begun = Deadline.after(clock, ttl);
    const name = manager.settings.prefix + key;
    let lease: KeptLease | undefined;
    let revoked = false;
    const claim: Claim = {
      name,
      key: driver.locks.keyOf(name),
      // `@nestjs/locks` takes no drift off its ttl, so its deadline has to lie within ours.
      ttl: ttlForUsable(ttl),
      tokens: 1,
      mode: 'exclusive',
      memberId: manager.memberId,
      onRevoked: () => {
        revoked = true;
        lease?.forget();
      },
    };
    const reply = await tryUntilDecided(claim, manager);
    if (!reply.granted) return NOT_ACQUIRED;
    const id = idOf(key, owner);
    lease = new KeptLease(driver, reply.grant, clock, claim.ttl, () => {
      if (this.#leases.get(id) === lease) this.#leases.delete(id);
    });
    const token = reply.grant.tokens?.first;
    if (begun.over || revoked || token === undefined) {
      await giveBackQuietly(lease);
      return NOT_ACQUIRED;
    }
    this.#leases.set(id, lease);
    return { acquired: true, fencingToken: token };
  }
}

/** One try; some more when the lock has no holder, as callers of several processes have split the nodes among them. */
async function tryUntilDecided(claim: Claim, { clock, driver }: LockManager): Promise<Granted | Taken> {
  const end = clock.monotonic() + SPLIT_VOTE_MS;
  for (let tries = 1; ; tries += 1) {
    const reply = await wholly(driver.locks.acquire(claim), claim, driver.locks, clock);
    if (reply.granted || reply.remaining !== undefined || tries === MOST_TRIES) return reply;
    const { retryAfter = Infinity } = reply;
    if (clock.monotonic() + retryAfter > end) return reply;
    await new Promise<void>((resolve) => void clock.setTimer(retryAfter, resolve));
  }
}

/** Best effort: in the back end the lease ends by its ttl. */
async function giveBackQuietly(lease: KeptLease): Promise<false> {
  await lease.giveBack().catch(() => undefined);
  return false;
}

/** Callers that split the votes of several nodes among them try again for so long, ms, and so often. */
function idOf(key: string, owner: string): string {
  return JSON.stringify([key, owner]);
}

function checkCall(key: string, ttl: number, { driver }: LockManager): void {
  if (typeof key !== 'string' || key === '')
    throw new InvalidOptionsError(
      `CoordinationLockStore: a key must be a non-empty string, got ${shown(key)}`,
    );
  if (!Number.isFinite(ttl) || ttl <= 0)
    throw new InvalidOptionsError(
      `CoordinationLockStore: the ttl of ${quoted(key)} must be a number of ms above 0, got ${shown(ttl)}`,
    );
  const { longestTtl = Infinity } = driver.traits;
  if (ttlForUsable(ttl) > longestTtl)
    throw new InvalidOptionsError(
      `CoordinationLockStore: the ttl of ${quoted(key)} is ${ttl} ms, and ${driver.description} should be asked for ${longestTtl} ms at most: it may forget leases when it restarts, and then grants nothing for as long as the longest one; give a shorter ttl, a larger redis.maxTtl on every replica, or redis.persistent where each node keeps every write`,
    );
}
