import { isShare, shareOf } from '../share-id.js';
import type { Clock } from '../../common/clock.js';
import { quoted } from '../../common/quoted.js';
import { InvalidOptionsError } from '../../errors.js';
import type {
  Claim,
  Downgrade,
  Grant,
  Granted,
  Holder,
  LockStore,
  QueuedWaiter,
  RenewOutcome,
  Taken,
  WaitQueue,
} from '../driver.js';
import { LockBreaker } from './lock-breaker.js';
import { LockHolders } from './lock-holders.js';
import { RedisWaiter, type RedisWaiterContext, type WaiterQueue } from './queue/index.js';
import {
  type Completer,
  type LockRequest,
  type NodeSet,
  type RedisGrant,
  type RedlockVoting,
  RenewalRound,
} from './quorum/index.js';
import { END_SHARE, KEEP, sharersOf, wholeNumber } from './scripts/index.js';

export interface RedisLocksContext {
  readonly nodeSet: NodeSet;
  readonly completer: Completer;
  readonly voting: RedlockVoting;
  readonly waiters: WaiterQueue;
  readonly keyOf: (name: string) => string;
  readonly clock: Clock;
  readonly warn: (message: string) => void;
  /** The usual ttl of a lease, ms. */
  readonly ttl: number;
  /** The longest lease allowed, ms. */
  readonly maxTtl: number | undefined;
  /** Whether a node may have forgotten leases, so that it needs a quarantine. */
  readonly sitsOut: boolean;
}

/** The locks of one or more Redis nodes, by the Redlock algorithm, and the order of their waiters. */
export class RedisLocks implements LockStore, WaitQueue {
  readonly keyOf: (name: string) => string;
  readonly #context: RedisLocksContext;
  readonly #nodeSet: NodeSet;
  readonly #voting: RedlockVoting;
  readonly #holders: LockHolders;
  readonly #breaker: LockBreaker;
  readonly #maxTtl: number;
  readonly #waiterContext: RedisWaiterContext;
  /** The longest lease that may be held, as far as this client knows, ms. */
  #longestTtl: number;

  constructor(context: RedisLocksContext) {
    this.#context = context;
    const { nodeSet, voting, waiters, keyOf, clock, ttl, maxTtl } = context;
    this.keyOf = keyOf;
    this.#nodeSet = nodeSet;
    this.#voting = voting;
    this.#holders = new LockHolders(nodeSet);
    this.#breaker = new LockBreaker(nodeSet, clock);
    this.#maxTtl = maxTtl ?? Infinity;
    this.#longestTtl = maxTtl ?? ttl;
    const requestOf = (claim: Claim): LockRequest => this.#lockRequest(claim);
    this.#waiterContext = { clock, nodeSet, voting, queue: waiters, requestOf };
  }

  get longestTtl(): number {
    return this.#longestTtl;
  }

  async acquire(claim: Claim): Promise<Granted | Taken> {
    return (await this.#voting.acquire(this.#lockRequest(claim))).reply;
  }

  enqueue(claim: Claim, wake: () => void): QueuedWaiter {
    return new RedisWaiter(claim, wake, this.#waiterContext);
  }

  renew(grants: readonly Grant[], ttl: number): Promise<readonly RenewOutcome[]> {
    // Leases must end before the node belongs to the other list: see `NodeSet.isSure`.
    if (this.#nodeSet.otherList)
      return this.#nodeSet.checkList(`renew leases`).then(() => this.renew(grants, ttl));
    const keys = grants.map(({ key }) => key);
    return new RenewalRound(this.#nodeSet, this.#context.completer, grants, keys, ttl).run();
  }

  release(grant: Grant, keepFor = 0): Promise<boolean> {
    return keepFor > 0 ? this.#keep(grant, keepFor) : this.#voting.release(grant);
  }

  downgrade(grant: RedisGrant, ttl: number): Downgrade {
    const { name, key, id, tokens } = grant;
    this.#voting.withdraw(grant);
    const share = shareOf(id);
    const done = this.#voting.downgrade(name, key, id, share, ttl);
    return { grant: tokens ? { name, key, id: share, tokens } : { name, key, id: share }, done };
  }

  async holders(name: string, key = this.keyOf(name)): Promise<readonly Holder[]> {
    return await this.#holders.of(name, key);
  }

  list(): Promise<readonly Holder[]> {
    return this.#holders.list();
  }

  revoke(holder: Holder): Promise<boolean> {
    return this.#breaker.break(holder);
  }

  async #keep(grant: RedisGrant, keepFor: number): Promise<boolean> {
    const { key, id, name } = grant;
    const { quorum } = this.#nodeSet;
    const ms = Math.max(1, Math.ceil(keepFor));
    this.#voting.withdraw(grant);
    const [script, keys] = isShare(id) ? [END_SHARE, [key, sharersOf(key)]] : [KEEP, [key]];
    const replies = await this.#nodeSet.collect(`release the lock ${quoted(name)}`, key, async (node) =>
      wholeNumber(await node.evaluate(script, keys, [id, String(ms)])),
    );
    return replies.filter((reply) => Number(reply) > 0).length >= quorum;
  }

  #lockRequest({ name, key, ttl, tokens, mode, caller }: Claim): LockRequest {
    // Check always, and first: the nodes may know of a longer lease, of a replica with another maxTtl.
    if (ttl > this.#maxTtl) {
      throw new InvalidOptionsError(
        `Lock ${quoted(name)}: its ttl of ${ttl} ms is above redis.maxTtl (${this.#maxTtl} ms); raise it on every replica`,
      );
    }
    if (ttl > this.#longestTtl) this.#lengthen(name, ttl);
    return { name, key, ttl, tokens, shared: mode === 'shared', caller };
  }

  /** This lease is longer than all before. The nodes have to know of it, for their quarantine after a restart. */
  #lengthen(name: string, ttl: number): void {
    this.#longestTtl = ttl;
    const { sitsOut, warn } = this.#context;
    if (!sitsOut) return;
    warn(
      `Lock ${quoted(name)}: its ttl of ${ttl} ms is the longest of this replica so far; a Redis node that is younger than that does not grant it, and a replica that knows of it makes all locks wait for as long when a node has restarted; give redis.maxTtl on every replica, so that this is so from the start, or a shorter ttl`,
    );
  }
}
