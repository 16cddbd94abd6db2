import type { Clock } from '../../common/clock.js';
import { quoted } from '../../common/quoted.js';
import { InvalidOptionsError } from '../../errors.js';
import type {
  Claim,
  Grant,
  Granted,
  Holder,
  LockStore,
  QueuedWaiter,
  RenewOutcome,
  Taken,
  WaitQueue,
} from '../driver.js';
import type { RedisClient } from './connection/index.js';
import { DRIFT, PRECISION, type RedisNode, type VotingNode } from './node/index.js';
import { RedisWaiter, type RedisWaiterContext, type WaiterQueue } from './queue/index.js';
import {
  type Completer,
  type LockRequest,
  type NodeSet,
  type RedisGrant,
  type RedlockVoting,
  RenewalRound,
} from './quorum/index.js';
import {
  BREAK,
  BROKEN,
  HOLDER,
  holderOf,
  KEEP,
  listOf,
  oneOf,
  OUR_LOCKS,
  textOf,
  wholeNumber,
} from './scripts/index.js';

/** How often `revoke` looks where the lease is: it may be given another node at that very moment. */
const MOST_LOOKS = 3;

/** How many keys of a node one command of `list` looks at; the node does nothing else meanwhile. */
const AT_ONCE = 500;

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
  /** No lease may be longer, ms. */
  readonly maxTtl: number | undefined;
  /** Whether a node may have forgotten leases that it has to sit out. */
  readonly sitsOut: boolean;
}

/** The locks of one or more Redis nodes, by the Redlock algorithm, and the order of their waiters. */
export class RedisLocks implements LockStore, WaitQueue {
  readonly keyOf: (name: string) => string;
  readonly #context: RedisLocksContext;
  readonly #nodeSet: NodeSet;
  readonly #voting: RedlockVoting;
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
    // They end before the other list has the node: see there.
    if (this.#nodeSet.otherList)
      return this.#nodeSet.checkList(`renew leases`).then(() => this.renew(grants, ttl));
    const keys = grants.map(({ key }) => key);
    return new RenewalRound(this.#nodeSet, this.#context.completer, grants, keys, ttl).run();
  }

  release(grant: Grant, keepFor = 0): Promise<boolean> {
    return keepFor > 0 ? this.#keep(grant, keepFor) : this.#voting.release(grant);
  }

  async holders(name: string, key = this.keyOf(name)): Promise<readonly Holder[]> {
    const { nodes, quorum } = this.#nodeSet;
    const replies = await this.#nodeSet.collect(
      `tell who holds ${quoted(name)}`,
      key,
      async (node) => holderOf(await node.evaluate(HOLDER, [key])),
      (some) => Math.max(...countsOf(some).values(), 0) >= quorum,
    );
    const silent = nodes.length - replies.length;
    return Array.from(countsOf(replies), ([id, count]) => {
      const holds = count >= quorum ? 'yes' : count + silent >= quorum ? 'unknown' : 'no';
      return { name, key, id, holds };
    });
  }

  async revoke({ name, key, id }: Holder): Promise<boolean> {
    let revoked = false;
    for (let look = 1; look <= MOST_LOOKS; look += 1) {
      const { having, others } = await this.#nodesOf(name, key, id);
      if (having.length === 0) return revoked;
      const ms = await this.#breakAt(name, key, id, having, this.#nodeSet.quorum - others);
      if (ms === 0) continue;
      revoked = true;
      // Then once more: a holder that was being given another node has to lose that one too.
      await this.#pause(ms);
    }
    return revoked;
  }

  /** Those whose keys are ours; of keys that an application makes itself, nobody knows which are locks. */
  async list(): Promise<readonly Holder[]> {
    const { quorum, nodes } = this.#nodeSet;
    const counts = new Map<string, Map<string, number>>();
    const scans = await this.#nodeSet.collect('list the locks', '', async (_node, elected) => {
      const found = new Map<string, string>();
      for (const server of elected.servers) await scan(server, found);
      return found;
    });
    for (const found of scans as Map<string, string>[])
      for (const [key, id] of found) {
        const ids = counts.get(key) ?? new Map<string, number>();
        counts.set(key, ids.set(id, (ids.get(id) ?? 0) + 1));
      }
    const silent = nodes.length - scans.length;
    return [...counts].flatMap(([key, ids]) =>
      [...ids]
        .filter(([, count]) => count + silent >= quorum)
        .map(([id, count]): Holder => {
          const name = key.slice(OUR_LOCKS.length);
          return { name, key, id, holds: count >= quorum ? 'yes' : 'unknown' };
        }),
    );
  }

  async #keep(grant: RedisGrant, keepFor: number): Promise<boolean> {
    const { key, id, name } = grant;
    const { quorum } = this.#nodeSet;
    const ms = Math.max(1, Math.ceil(keepFor));
    this.#voting.withdraw(grant);
    const replies = await this.#nodeSet.collect(`release the lock ${quoted(name)}`, key, async (node) =>
      oneOf(await node.evaluate(KEEP, [key], [id, String(ms)]), 0, 1),
    );
    return replies.filter((reply) => reply === 1).length >= quorum;
  }

  /** Where that lease has the key, and how many other nodes have answered. */
  async #nodesOf(
    name: string,
    key: string,
    id: string,
  ): Promise<{ having: readonly VotingNode[]; others: number }> {
    const having: VotingNode[] = [];
    const look = async (node: RedisNode, elected: VotingNode): Promise<void> => {
      const holder = holderOf(await node.evaluate(HOLDER, [key]));
      if (holder === id) having.push(elected);
    };
    const answers = await this.#nodeSet.collect(`break the lock ${quoted(name)}`, key, look);
    return { having, others: answers.length - having.length };
  }

  /**
   * @param needed how many nodes have to answer
   * @returns for how many ms at most nobody gets the lock; 0 when the lease was at none of these nodes any more
   */
  async #breakAt(
    name: string,
    key: string,
    id: string,
    having: readonly VotingNode[],
    needed: number,
  ): Promise<number> {
    const replies = await this.#nodeSet.collect(
      `break the lock ${quoted(name)}`,
      key,
      async (node) => wholeNumber(await node.evaluate(BREAK, [key], [id])),
      undefined,
      having,
      needed,
    );
    return Math.max(...replies.map(Number));
  }

  /** A little longer, as the clocks of the nodes may be slower. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#context.clock.setTimer((1 + DRIFT) * ms + PRECISION, resolve));
  }

  #lockRequest({ name, key, ttl, tokens, caller }: Claim): LockRequest {
    // First, always: the nodes may know of a longer one, of somebody who has another maxTtl.
    if (ttl > this.#maxTtl) {
      throw new InvalidOptionsError(
        `Lock ${quoted(name)}: its ttl of ${ttl} ms is above redis.maxTtl (${this.#maxTtl} ms); raise it on every replica`,
      );
    }
    if (ttl > this.#longestTtl) this.#lengthen(name, ttl);
    return { name, key, ttl, tokens, caller };
  }

  /** A longer lease than all before: the nodes have to know of it, to sit it out after a restart. */
  #lengthen(name: string, ttl: number): void {
    this.#longestTtl = ttl;
    const { sitsOut, warn } = this.#context;
    if (!sitsOut) return;
    warn(
      `Lock ${quoted(name)}: its ttl of ${ttl} ms is the longest of this replica so far; a Redis node that is younger than that does not grant it, and a replica that knows of it makes all locks wait for as long when a node has restarted; give redis.maxTtl on every replica, so that this is so from the start, or a shorter ttl`,
    );
  }
}

/** How many nodes have said which id. */
function countsOf(replies: readonly unknown[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of replies)
    if (typeof id === 'string' && id !== BROKEN) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** All keys of locks at one server, with the ids of their holders. */
async function scan(server: RedisNode, found: Map<string, string>): Promise<void> {
  let cursor = '0';
  do {
    const at = cursor;
    const [next, keys] = listOf(await server.send((client) => scanOnce(client, at)), 2);
    for (const each of listOf(keys)) {
      const key = textOf(each);
      const id = holderOf(await server.evaluate(HOLDER, [key]));
      if (id !== null && id !== BROKEN) found.set(key, id);
    }
    cursor = textOf(next);
  } while (cursor !== '0');
}

/** A client that puts a prefix before each key does so for commands with keys only. */
async function scanOnce(client: RedisClient, cursor: string): Promise<unknown> {
  const prefix = client.options.keyPrefix ?? '';
  const pattern = `${prefix.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)}${OUR_LOCKS}*`;
  const [next, keys] = await client
    .call('scan', cursor, 'MATCH', pattern, 'COUNT', String(AT_ONCE))
    .then((reply) => listOf(reply, 2));
  return [next, listOf(keys).map((key) => textOf(key).slice(prefix.length))];
}
