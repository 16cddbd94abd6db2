import { randomUUID } from 'node:crypto';
import { Memo } from '../../common/memo.js';
import type { Driver, DriverContext, DriverHealth, Traits } from '../driver.js';
import { BackendHealth, Completer, NodeSet, RedlockVoting } from './quorum/index.js';
import {
  ClusterNode,
  listOfNodes,
  RedisNode,
  type RedisNodeSettings,
  type VotingNode,
} from './node/index.js';
import { checkedKeys, HolderIds, lockKeyOf, MOST_KEPT } from './scripts/index.js';
import {
  type NodePlan,
  nodePlans,
  type RedisDriverSettings,
  type RedisSource,
  type ServerPlan,
} from './connection/index.js';
import { RedisLocks } from './redis-locks.js';
import { RedisRecords } from './records/index.js';
import { WaiterQueue } from './queue/index.js';

/** The most leases that one script renews. */
const RENEWALS = 500;

/** The same on a Cluster, where each lease may need a command of its own. */
const RENEWALS_ON_SHARDS = 32;

/** The longest that all locks may have to wait after a node's restart, where `maxTtl` is not set, ms. */
const LONGEST_TTL = 3_600_000;

/**
 * Locks on one or more independent Redis nodes, by the Redlock algorithm.
 *
 * @example
 * const urls = takeApart('redis://10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379', schemes);
 * const driver = new RedisDriver({ nodes: parseRedisUrls(urls) }, { ttl: 10_000 }, context);
 */
export class RedisDriver implements Driver {
  readonly description: string;
  readonly traits: Traits;
  readonly locks: RedisLocks;
  /** The same object as `locks`. */
  readonly queue: RedisLocks;
  readonly records: RedisRecords;
  readonly #nodeSet: NodeSet;
  readonly #completer: Completer;
  readonly #health: BackendHealth;
  readonly #waiters: WaiterQueue;
  readonly #looksOnly: boolean;
  readonly #prefix: string;
  readonly #placeholder = randomUUID();
  /** The key by which the scripts are tried out, made at the start. */
  #preflightKey = '';
  #stopping: Promise<void> | undefined;

  health(): DriverHealth {
    const { nodes, quorum } = this.#nodeSet;
    const states = nodes.map(({ name, well, reason }) => ({
      name,
      up: well,
      ...(!well && { reason }),
    }));
    return { nodes: states, quorum };
  }

  constructor(source: RedisSource, settings: RedisDriverSettings, context: DriverContext) {
    const { clock, random, warn } = context;
    const plans: readonly NodePlan[] = nodePlans(source, settings, context);
    const commandTimeout = plans[0]?.commandTimeout ?? settings.ttl;
    this.#looksOnly = settings.looksOnly === true;
    this.#prefix = settings.prefix ?? '';
    const keys = new Memo(lockKeyOf, MOST_KEPT);
    const keyOf: typeof lockKeyOf = settings.keyOf ? checkedKeys(settings.keyOf) : (name) => keys.of(name);
    const list = listOfNodes(
      plans.map(({ name }) => name),
      settings.nodeList,
    );
    // Uses the key made at the start: the application's function may not work any more at a later connect.
    const preflightKey = (random: string): string | undefined =>
      this.#looksOnly ? undefined : this.#preflightKey.replaceAll(this.#placeholder, random);
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
        longestTtl: () => this.locks.longestTtl,
        ownTtl: settings.maxTtl ?? settings.ttl,
        list,
        // An application's own key function may make any key of any name.
        scope: settings.keyOf ? '' : (settings.prefix ?? ''),
        quarantine: settings.quarantine ?? true,
        persistent: settings.persistent ?? false,
        twinOf: (node, runId) => nodes.find((other) => other !== node && other.runId === runId)?.name,
        warn,
        // A single node is the whole back end, and its health is reported as such. A server of a Cluster is only a part of it.
        tellsHealth: plans.length > 1 || plan.topology === 'shard',
        onChange: (node) => {
          this.#health.look();
          if (node.up) return;
          this.#waiters.suspect(node);
          this.records.suspect(node);
        },
        ...more,
      });
    const clusterFor = { clock, random, warn, preflightKey, nodeFor };
    const onGone = (server: RedisNode): void => {
      void this.#waiters.forget(server);
      void this.records.forget(server);
    };
    const nodes: VotingNode[] = plans.map((plan) =>
      plan.topology === 'cluster' ? new ClusterNode(plan, { ...clusterFor, onGone }) : nodeFor(plan),
    );
    const names = nodes.map(({ name }) => name).join(', ');
    this.description = nodes.length === 1 ? `redis ${names}` : `redis ${nodes.length} nodes: ${names}`;
    if (settings.quarantine === false && process.env['NODE_ENV'] === 'production')
      warn(
        'redis.quarantine is false and NODE_ENV is "production": after a restart of a Redis node two holders of a lock are possible; leave it out',
      );
    this.#nodeSet = new NodeSet(nodes, clock);
    // Whether a node may have forgotten leases, so that it needs a quarantine.
    const sitsOut = settings.persistent !== true && nodes.some(({ record }) => record !== undefined);
    const renewBatch = nodes.some(({ sharded }) => sharded) ? RENEWALS_ON_SHARDS : RENEWALS;
    const longestTtl =
      sitsOut && settings.quarantine !== false
        ? (settings.maxTtl ?? Math.max(settings.ttl, LONGEST_TTL))
        : undefined;
    this.traits = { lifetime: 'lease', modes: ['exclusive', 'shared'], renewBatch, longestTtl };
    const ids = new HolderIds();
    this.#completer = new Completer(this.#nodeSet, clock, commandTimeout);
    const voting = new RedlockVoting(this.#nodeSet, ids, this.#completer, clock, random);
    this.#health = new BackendHealth(this.#nodeSet, context.onBackendChange);
    this.#waiters = new WaiterQueue(this.#nodeSet, ids, commandTimeout, context);
    this.locks = this.queue = new RedisLocks({
      nodeSet: this.#nodeSet,
      completer: this.#completer,
      voting,
      waiters: this.#waiters,
      keyOf,
      clock,
      warn,
      ttl: settings.ttl,
      maxTtl: settings.maxTtl,
      sitsOut,
    });
    this.records = new RedisRecords(this.#nodeSet, commandTimeout, context);
  }

  async start(): Promise<void> {
    // Call the application's key function before connecting to any node.
    this.#preflightKey = this.#makePreflightKey();
    const failures = await this.#nodeSet.start(!this.#looksOnly);
    if (!this.#nodeSet.usable || this.#nodeSet.otherList) {
      await this.stop();
      throw this.#nodeSet.unavailable('be used', failures);
    }
    for (const index of failures.keys()) this.#nodeSet.nodes[index]?.sayDown();
    this.#health.open();
  }

  /** An application's key function may give many names one key, or all: none of its keys is free for a try-out then. */
  #makePreflightKey(): string {
    const nameOf = (random: string): string => `${this.#prefix}coordination-preflight:${random}`;
    const name = nameOf(this.#placeholder);
    const key = this.locks.keyOf(name);
    if (key.includes(this.#placeholder) || key !== this.locks.keyOf(nameOf(randomUUID()))) return key;
    return lockKeyOf(name);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#health.close();
    this.#completer.stop();
    await Promise.all([
      this.#waiters.stop(),
      this.records.stop(),
      ...this.#nodeSet.nodes.map((node) => node.stop()),
    ]);
  }
}
