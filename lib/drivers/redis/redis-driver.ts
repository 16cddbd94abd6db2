import { randomUUID } from 'node:crypto';
import type { Clock } from '../../common/clock.js';
import { BackendUnavailableError, InvalidOptionsError } from '../../errors.js';
import type {
  AcquireReply,
  AcquireRequest,
  Driver,
  DriverContext,
  Grant,
  RenewOutcome,
  Watch,
} from '../driver.js';
import { BackendHealth } from './backend-health.js';
import { Electorate } from './electorate.js';
import { channelOf, memberKeyOf } from './keys.js';
import { NodeError } from './node-error.js';
import { listOfNodes } from './node-record.js';
import { nodePlans, type NodePlan } from './node-plans.js';
import { RedisNode } from './redis-node.js';
import type { RedisDriverSettings, RedisSource } from './settings.js';
import { RedlockVoting } from './redlock-voting.js';
import { RenewalRound } from './renewal-round.js';
import { BREAK } from './scripts.js';
import { WakeUps } from './wake-ups.js';

/** Leases that one script renews. */
const RENEWALS = 500;

/** Fewer where it may take a command for each of them. */
const RENEWALS_ON_SHARDS = 32;

/**
 * Locks on one or more independent Redis nodes, by the Redlock algorithm.
 *
 * @example
 * const url = parseBackendUrl('redis://10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379');
 * const driver = new RedisDriver({ nodes: url.nodes, ...url.nodeOptions }, { ttl: 10_000 }, context);
 */
export class RedisDriver implements Driver {
  readonly description: string;
  readonly leasesExpire = true;
  readonly renewsAtOnce: number;
  readonly #electorate: Electorate;
  readonly #voting: RedlockVoting;
  readonly #health: BackendHealth;
  readonly #wakeUps: WakeUps;
  readonly #keyOf: (name: string) => string;
  readonly #clock: Clock;
  readonly #commandTimeout: number;
  readonly #maxTtl: number;
  /** The longest lease that may be held, as far as this client knows, ms. */
  #longestTtl: number;
  #started = false;
  #stopping: Promise<void> | undefined;

  constructor(source: RedisSource, settings: RedisDriverSettings, context: DriverContext) {
    const { clock, random, warn } = context;
    const plans: readonly NodePlan[] = nodePlans(source, settings, context);
    const commandTimeout = plans[0]?.commandTimeout ?? settings.ttl;
    this.#clock = clock;
    this.#commandTimeout = commandTimeout;
    this.#keyOf = settings.keyOf ?? ((name) => `coordination:lock:${name}`);
    const list = listOfNodes(
      plans.map(({ name }) => name),
      settings.nodeList,
    );
    this.#maxTtl = settings.maxTtl ?? Infinity;
    this.#longestTtl = settings.maxTtl ?? settings.ttl;
    const nodes: RedisNode[] = plans.map(
      (plan) =>
        new RedisNode(plan.connect, {
          name: plan.name,
          clock,
          commandTimeout,
          secrets: plan.secrets,
          rehearsalKey: (text) => this.#keyOf(`${settings.prefix ?? ''}coordination-rehearsal:${text}`),
          topology: plan.topology,
          ttl: settings.ttl,
          longestTtl: () => this.#longestTtl,
          onLongest: (ms) => (this.#longestTtl = Math.max(this.#longestTtl, ms)),
          list,
          persistent: settings.persistent ?? false,
          twinOf: (node, runId) => nodes.find((other) => other !== node && other.runId === runId)?.name,
          warn,
          // One node is the back end, and its health is reported as that.
          tellsHealth: plans.length > 1,
          onChange: (node) => {
            this.#health.look();
            if (!node.up) this.#wakeUps.suspect(nodes.indexOf(node));
          },
        }),
    );
    const names = nodes.map(({ name }) => name).join(', ');
    this.description = nodes.length === 1 ? `redis ${names}` : `redis ${nodes.length} nodes: ${names}`;
    this.#electorate = new Electorate(nodes);
    this.renewsAtOnce = nodes.some(({ sharded }) => sharded) ? RENEWALS_ON_SHARDS : RENEWALS;
    this.#voting = new RedlockVoting(this.#electorate, channelOf, clock, random);
    this.#health = new BackendHealth(this.#electorate, context.onBackendChange);
    this.#wakeUps = new WakeUps(plans, this.#electorate.quorum, commandTimeout, context);
  }

  async start(): Promise<void> {
    const failures = await this.#electorate.start(this.#clock, this.#commandTimeout, (node) => {
      if (this.#started) node.sayDown();
    });
    if (!this.#electorate.usable) {
      await this.stop();
      throw this.#electorate.unavailable('be used', failures);
    }
    this.#started = true;
    for (const index of failures.keys()) this.#electorate.nodes[index]?.sayDown();
    this.#health.open();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#health.close();
    await Promise.all([this.#wakeUps.stop(), ...this.#electorate.nodes.map((node) => node.stop())]);
  }

  async tryAcquire({ name, ttl, fencing }: AcquireRequest): Promise<AcquireReply> {
    if (ttl > this.#longestTtl) this.#allow(name, ttl);
    return this.#voting.acquire(name, this.#keyOf(name), ttl, fencing);
  }

  renew(grants: readonly Grant[], ttl: number): Promise<readonly RenewOutcome[]> {
    const keys = grants.map(({ name }) => this.#keyOf(name));
    return new RenewalRound(this.#electorate, grants, keys, ttl).run();
  }

  release(grant: Grant): Promise<boolean> {
    return this.#voting.release(grant, this.#keyOf(grant.name));
  }

  async isOwner(grant: Grant): Promise<boolean> {
    const { nodes, quorum } = this.#electorate;
    const key = this.#keyOf(grant.name);
    const count = (replies: readonly unknown[]): number => replies.filter((id) => id === grant.id).length;
    const replies = await this.#electorate.ask(
      `tell who holds "${grant.name}"`,
      (client) => client.get(key),
      (replies) => count(replies) >= quorum || replies.length - count(replies) > nodes.length - quorum,
    );
    const mine = count(replies);
    if (mine >= quorum || replies.length - mine > nodes.length - quorum) return mine >= quorum;
    throw new BackendUnavailableError(
      `Redis cannot tell who holds "${grant.name}": ${mine} of ${nodes.length} nodes say it is ours, and not all answer`,
    );
  }

  async break(name: string): Promise<boolean> {
    const key = this.#keyOf(name);
    const id = randomUUID();
    const replies = await this.#electorate.ask(`break the lock "${name}"`, async (client, node) => {
      const reply = Number(await client.eval(BREAK.text, 1, key, id, channelOf(key), node.notAfter()));
      if (reply < 0) throw new NodeError('got the command too late', { answered: true });
      return reply;
    });
    return replies.some((reply) => reply === 1);
  }

  watch(name: string, listener: () => void): Watch {
    return this.#wakeUps.watch(channelOf(this.#keyOf(name)), listener);
  }

  async announce(memberId: string, ttl: number): Promise<void> {
    const { quorum } = this.#electorate;
    void this.#electorate.enrol();
    await this.#electorate.ask(
      `announce the member "${memberId}"`,
      (client) => client.set(memberKeyOf(memberId), memberId, 'PX', Math.max(1, Math.floor(ttl))),
      (replies) => replies.length >= quorum,
    );
  }

  async withdraw(memberId: string): Promise<void> {
    await this.#electorate.ask(`withdraw the member "${memberId}"`, (client) =>
      client.del(memberKeyOf(memberId)),
    );
  }

  /** A longer lease than all before: the nodes have to know of it, to sit it out after a restart. */
  #allow(name: string, ttl: number): void {
    if (ttl > this.#maxTtl) {
      throw new InvalidOptionsError(
        `Lock "${name}": its ttl of ${ttl} ms is above maxTtl (${this.#maxTtl} ms); raise maxTtl on every replica`,
      );
    }
    this.#longestTtl = ttl;
  }
}
