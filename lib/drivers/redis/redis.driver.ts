import { randomUUID } from 'node:crypto';
import type { Clock } from '../../common/clock.js';
import { Memo } from '../../common/memo.js';
import { BackendUnavailableError, InvalidOptionsError } from '../../errors.js';
import type {
  AcquireReply,
  AcquireRequest,
  Driver,
  DriverContext,
  Grant,
  QueuedWaiter,
  RenewOutcome,
} from '../driver.js';
import { BackendHealth } from './quorum/backend-health.js';
import { ClusterNode } from './node/cluster-node.js';
import { Completer } from './quorum/completer.js';
import type { VotingNode } from './node/voting-node.js';
import { NodeSet } from './quorum/node-set.js';
import type { RedisClient } from './connection/clients.js';
import { checkedKeys, lockKeyOf, memberKeyOf } from './scripts/keys.js';
import { MOST_KEPT } from './scripts/lock-keys.js';
import { DRIFT, PRECISION } from './node/node-clock.js';
import { listOfNodes } from './node/node-epoch.js';
import type { NodePlan, ServerPlan } from './connection/node-plan.js';
import { nodePlans } from './connection/node-plans.js';
import { RedisNode, type RedisNodeSettings } from './node/redis-node.js';
import type { RedisDriverSettings, RedisSource } from './redis.settings.js';
import { type RedisWaiterContext, RedisWaiter } from './queue/redis-waiter.js';
import { type LockRequest, RedlockVoting } from './quorum/redlock-voting.js';
import { holderOf, oneOf, wholeNumber } from './scripts/replies.js';
import { RenewalRound } from './quorum/renewal-round.js';
import { BREAK, BROKEN, HOLDER } from './scripts/scripts.js';
import { HolderIds } from './queue/holder-id.js';
import { WaiterQueue } from './queue/waiter-queue.js';
import { quoted } from '../../common/quoted.js';

/** How often `break` looks for the holder when the lock changes hands at that very moment. */
const MOST_LOOKS = 3;

/** Leases that one script renews. */
const RENEWALS = 500;

/** Fewer where it may take a command for each of them. */
const RENEWALS_ON_SHARDS = 32;

/**
 * Locks on one or more independent Redis nodes, by the Redlock algorithm.
 *
 * @example
 * const urls = takeApart('redis://10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379', schemes);
 * const driver = new RedisDriver({ nodes: parseRedisUrls(urls) }, { ttl: 10_000 }, context);
 */
export class RedisDriver implements Driver {
  readonly description: string;
  readonly leasesExpire = true;
  readonly renewsAtOnce: number;
  readonly #nodeSet: NodeSet;
  readonly #completer: Completer;
  readonly #voting: RedlockVoting;
  readonly #health: BackendHealth;
  readonly #queue: WaiterQueue;
  readonly #places: RedisWaiterContext;
  readonly keyOf: (name: string) => string;
  readonly #preflightName: string;
  /** Of that name; made at the start. */
  #preflightKey = '';
  readonly #clock: Clock;
  readonly #maxTtl: number;
  readonly #warn: (message: string) => void;
  /** Whether a node may have forgotten leases that it has to sit out. */
  readonly #sitsOut: boolean;
  /** The longest lease that may be held, as far as this client knows, ms. */
  #longestTtl: number;
  /** What stands in the key of our member: another process with the same agent id has another one. */
  readonly #presence = randomUUID();
  readonly #announcedOver = new WeakSet<RedisClient>();
  #toldTwin = false;
  #stopping: Promise<void> | undefined;

  constructor(source: RedisSource, settings: RedisDriverSettings, context: DriverContext) {
    const { clock, random, warn } = context;
    const plans: readonly NodePlan[] = nodePlans(source, settings, context);
    const commandTimeout = plans[0]?.commandTimeout ?? settings.ttl;
    this.#clock = clock;
    const placeholder = randomUUID();
    this.#preflightName = `${settings.prefix ?? ''}coordination-preflight:${placeholder}`;
    const keys = new Memo(lockKeyOf, MOST_KEPT);
    this.keyOf = settings.keyOf ? checkedKeys(settings.keyOf) : (name) => keys.of(name);
    const list = listOfNodes(
      plans.map(({ name }) => name),
      settings.nodeList,
    );
    this.#maxTtl = settings.maxTtl ?? Infinity;
    this.#longestTtl = settings.maxTtl ?? settings.ttl;
    // The application's function may not work any more when a connection is made anew.
    const preflightKey = (random: string): string => this.#preflightKey.replaceAll(placeholder, random);
    const nodeFor = (plan: ServerPlan, more: Partial<RedisNodeSettings> = {}): RedisNode =>
      new RedisNode(plan, {
        name: plan.name,
        clock,
        random,
        commandTimeout,
        secrets: plan.secrets,
        preflightKey,
        topology: plan.topology,
        ttl: settings.ttl,
        longestTtl: () => this.#longestTtl,
        ownTtl: settings.maxTtl ?? settings.ttl,
        list,
        // A function of the application may make any key of any name.
        scope: settings.keyOf ? '' : (settings.prefix ?? ''),
        quarantine: settings.quarantine ?? true,
        persistent: settings.persistent ?? false,
        twinOf: (node, runId) => nodes.find((other) => other !== node && other.runId === runId)?.name,
        warn,
        // One node is the back end, and its health is reported as that; a server of a Cluster is a part of it.
        tellsHealth: plans.length > 1 || plan.topology === 'shard',
        onChange: (node) => {
          this.#health.look();
          if (!node.up) this.#queue.suspect(node);
        },
        ...more,
      });
    const clusterFor = { clock, random, warn, preflightKey, nodeFor };
    const onGone = (server: RedisNode): void => void this.#queue.forget(server);
    const nodes: VotingNode[] = plans.map((plan) =>
      plan.topology === 'cluster' ? new ClusterNode(plan, { ...clusterFor, onGone }) : nodeFor(plan),
    );
    const names = nodes.map(({ name }) => name).join(', ');
    this.description = nodes.length === 1 ? `redis ${names}` : `redis ${nodes.length} nodes: ${names}`;
    if (settings.quarantine === false && process.env['NODE_ENV'] === 'production')
      warn(
        'redis.quarantine is false and NODE_ENV is "production": after a restart of a Redis node two holders of a lock are possible; leave it out',
      );
    this.#nodeSet = new NodeSet(nodes);
    this.#warn = warn;
    this.#sitsOut = settings.persistent !== true && nodes.some(({ record }) => record !== undefined);
    this.renewsAtOnce = nodes.some(({ sharded }) => sharded) ? RENEWALS_ON_SHARDS : RENEWALS;
    const ids = new HolderIds();
    this.#completer = new Completer(this.#nodeSet, clock, commandTimeout);
    this.#voting = new RedlockVoting(this.#nodeSet, ids, this.#completer, clock, random);
    this.#health = new BackendHealth(this.#nodeSet, context.onBackendChange);
    this.#queue = new WaiterQueue(this.#nodeSet, ids, commandTimeout, context);
    this.#places = {
      clock,
      nodeSet: this.#nodeSet,
      voting: this.#voting,
      queue: this.#queue,
      requestOf: (request) => this.#lockRequest(request),
    };
  }

  async start(): Promise<void> {
    // Before anything is connected.
    this.#preflightKey = this.keyOf(this.#preflightName);
    const failures = await this.#nodeSet.start();
    if (!this.#nodeSet.usable || this.#nodeSet.otherList) {
      await this.stop();
      throw this.#nodeSet.unavailable('be used', failures);
    }
    for (const index of failures.keys()) this.#nodeSet.nodes[index]?.sayDown();
    this.#health.open();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#health.close();
    this.#completer.stop();
    await Promise.all([this.#queue.stop(), ...this.#nodeSet.nodes.map((node) => node.stop())]);
  }

  async tryAcquire(request: AcquireRequest): Promise<AcquireReply> {
    return (await this.#voting.acquire(this.#lockRequest(request))).reply;
  }

  enqueue(request: AcquireRequest, wake: () => void): QueuedWaiter {
    return new RedisWaiter(request, wake, this.#places);
  }

  renew(grants: readonly Grant[], ttl: number): Promise<readonly RenewOutcome[]> {
    const keys = grants.map((grant) => this.#keyOf(grant));
    // They end before the other list has the node: see there.
    if (this.#nodeSet.otherList)
      return this.#nodeSet.checkList(`renew leases`).then(() => this.renew(grants, ttl));
    return new RenewalRound(this.#nodeSet, this.#completer, grants, keys, ttl).run();
  }

  release(grant: Grant): Promise<boolean> {
    return this.#voting.release(grant, this.#keyOf(grant));
  }

  async isOwner(grant: Grant): Promise<boolean> {
    const { nodes, quorum } = this.#nodeSet;
    const key = this.#keyOf(grant);
    const count = (replies: readonly unknown[]): number => replies.filter((id) => id === grant.id).length;
    const replies = await this.#nodeSet.ask(
      `tell who holds ${quoted(grant.name)}`,
      key,
      async (client) => holderOf(await client.eval(HOLDER.text, 1, key)),
      (replies) => count(replies) >= quorum || replies.length - count(replies) > nodes.length - quorum,
    );
    const mine = count(replies);
    if (mine >= quorum || replies.length - mine > nodes.length - quorum) return mine >= quorum;
    throw new BackendUnavailableError(
      `Redis cannot tell who holds ${quoted(grant.name)}: ${mine} of ${nodes.length} nodes say it is ours, and not all answer`,
    );
  }

  async break(name: string): Promise<boolean> {
    const broken = new Set<string>();
    for (let look = 1; look <= MOST_LOOKS; look += 1) {
      const { holders, free } = await this.#holdersOf(name);
      // Never whoever comes later: what is sent may arrive when nobody waits for it.
      const targets = [...holders].filter(([, id]) => broken.size === 0 || broken.has(id));
      if (targets.length === 0) return broken.size > 0;
      const freed = await this.#breakHolders(name, new Map(targets), this.#nodeSet.quorum - free);
      for (const id of freed.ids) broken.add(id);
      // Then once more: a holder that was being given another node has to lose that one too.
      if (freed.ms > 0) await this.#pause(freed.ms);
    }
    // Nobody keeps it for longer than a look takes.
    return true;
  }

  /** Who has the lock on which node, and on how many nobody has. */
  async #holdersOf(name: string): Promise<{ holders: Map<VotingNode, string>; free: number }> {
    const key = this.keyOf(name);
    const holders = new Map<VotingNode, string>();
    const look = async (node: RedisNode, elected: VotingNode): Promise<void> => {
      const holder = holderOf(await node.send((client) => client.eval(HOLDER.text, 1, key)));
      if (holder !== null && holder !== BROKEN) holders.set(elected, holder);
    };
    const found = await this.#nodeSet.collect(`break the lock ${quoted(name)}`, key, look);
    return { holders, free: found.length - holders.size };
  }

  /**
   * @param needed how many nodes have to answer
   * @returns the ids of those whom it has found there still, and for how many ms at most nobody gets the lock
   */
  async #breakHolders(
    name: string,
    holders: ReadonlyMap<VotingNode, string>,
    needed: number,
  ): Promise<{ ids: string[]; ms: number }> {
    const key = this.keyOf(name);
    const ids: string[] = [];
    const replies = await this.#nodeSet.collect(
      `break the lock ${quoted(name)}`,
      key,
      async (node, elected) => {
        const id = holders.get(elected) ?? '';
        const ms = wholeNumber(await node.send((client) => client.eval(BREAK.text, 1, key, id)));
        if (ms > 0) ids.push(id);
        return ms;
      },
      undefined,
      [...holders.keys()],
      needed,
    );
    return { ids, ms: Math.max(...replies.map(Number)) };
  }

  /** A little longer, as the clocks of the nodes may be slower. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.setTimer((1 + DRIFT) * ms + PRECISION, resolve));
  }

  async announce(memberId: string, ttl: number): Promise<void> {
    const { nodes, quorum } = this.#nodeSet;
    void this.#nodeSet.sync();
    for (const node of nodes) node.lookAtMemory();
    const key = memberKeyOf(memberId);
    const ms = Math.max(1, Math.floor(ttl));
    const announced = this.#nodeSet.ask(
      `announce the member ${quoted(memberId)}`,
      key,
      async (client) => {
        // A Redis that is full does this for a member that has been there before.
        const [found, kept] = await Promise.all([client.get(key), client.pexpire(key, ms)]);
        if (found === this.#presence && oneOf(kept, 0, 1) === 1) return 1;
        const answer = await client.set(key, this.#presence, 'PX', ms);
        // Not the first time: one that was killed a moment ago has left its own.
        if (found !== null && this.#announcedOver.has(client)) this.#warnOfTwin(memberId);
        this.#announcedOver.add(client);
        return answer;
      },
      (replies) => replies.length >= quorum,
    );
    await announced.catch((error: unknown) => {
      // The part of a Cluster that has the key is away; the next announcement may find it.
      if (!nodes.some((node) => node.up && !node.at(key).up)) throw error;
    });
  }

  #warnOfTwin(memberId: string): void {
    if (this.#toldTwin) return;
    this.#toldTwin = true;
    this.#warn(
      `Member ${quoted(memberId)} is announced by another process too: give every process an agentId (COORDINATION_AGENT_ID) of its own`,
    );
  }

  async withdraw(memberId: string): Promise<void> {
    const key = memberKeyOf(memberId);
    await this.#nodeSet.ask(`withdraw the member ${quoted(memberId)}`, key, (client) => client.del(key));
  }

  /** As it was when the lock was taken: an application may make another key of the name by now. */
  #keyOf({ key, name }: Grant | AcquireRequest): string {
    return key ?? this.keyOf(name);
  }

  #lockRequest(request: AcquireRequest): LockRequest {
    const { name, ttl, fencing, tokens = 1, caller } = request;
    // First, always: the nodes may know of a longer one, of somebody who has another maxTtl.
    if (ttl > this.#maxTtl) {
      throw new InvalidOptionsError(
        `Lock ${quoted(name)}: its ttl of ${ttl} ms is above redis.maxTtl (${this.#maxTtl} ms); raise it on every replica`,
      );
    }
    if (ttl > this.#longestTtl) this.#lengthen(name, ttl);
    return { name, key: this.#keyOf(request), ttl, tokens: fencing ? tokens : 0, caller };
  }

  /** A longer lease than all before: the nodes have to know of it, to sit it out after a restart. */
  #lengthen(name: string, ttl: number): void {
    this.#longestTtl = ttl;
    if (!this.#sitsOut) return;
    this.#warn(
      `Lock ${quoted(name)}: its ttl of ${ttl} ms is the longest of this replica so far; a Redis node that is younger than that does not grant it, and a replica that knows of it makes all locks wait for as long when a node has restarted; give redis.maxTtl on every replica, so that this is so from the start, or a shorter ttl`,
    );
  }
}
