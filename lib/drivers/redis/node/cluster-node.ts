import { Backoff } from '../../../common/backoff.js';
import type { Clock, Timer } from '../../../common/clock.js';
import { type ClusterPlan, RECONNECTING, type ServerPlan } from '../connection/index.js';
import { cleanError, NodeError } from '../errors/index.js';
import { formatHost, type HostAndPort } from '../options/index.js';
import type { SlotRange } from './cluster-map.js';
import { redirectionOf, sentOn } from './cluster-redirect.js';
import { giveBack } from './give-back.js';
import { noServer } from './no-server.js';
import type { Exchange } from './exchange.js';
import type { RedisNode, RedisNodeSettings } from './redis-node.js';
import { SlotOwners } from './slot-owners.js';
import { SlotReader } from './slot-reader.js';
import { someReady } from './some-ready.js';

/** A server without slots to which a command was sent on is kept for so long, ms: it is getting some. */
const GUEST_STAY = 60_000;

export interface ClusterNodeSettings {
  readonly clock: Clock;
  readonly random: () => number;
  readonly warn: (message: string) => void;
  /** A key that no lock has; given a random text. */
  readonly preflightKey: (random: string) => string | undefined;
  /** Makes the node for one server, not started. */
  readonly nodeFor: (plan: ServerPlan, more: Partial<RedisNodeSettings>) => RedisNode;
  /** The server has no slots any more, and has been stopped. */
  readonly onGone: (server: RedisNode) => void;
}

/**
 * A Redis Cluster, which has one vote: that of the server which has the slot of the lock's key.
 *
 * Each server has a connection, time-outs and orphaned keys of its own. So a server that hangs or dies takes along the locks of its
 * own slots only. Which server has which slot is read anew while something is wrong, and learnt from what the servers say of a slot that has
 * moved.
 */
export class ClusterNode {
  readonly name: string;
  readonly sharded = true;
  /** A failover can lose leases anyway, and there is no server that all locks share. */
  readonly record = undefined;
  readonly otherList = undefined;
  readonly runId = '';
  readonly #plan: ClusterPlan;
  readonly #settings: ClusterNodeSettings;
  readonly #backoff: Backoff;
  readonly #slots: SlotReader;
  /** By address. */
  readonly #servers = new Map<string, RedisNode>();
  /** Those that are connected for the first time. */
  readonly #starting = new Map<RedisNode, Promise<void>>();
  /** When a command was sent on to a server that has no slot yet, on the monotonic clock, ms. */
  readonly #guests = new Map<RedisNode, number>();
  readonly #owners: SlotOwners;
  /** Stands for a server where a slot has none: it refuses. */
  readonly #noServer: RedisNode;
  /** Masters and replicas, as far as they were heard of. */
  #known: readonly HostAndPort[] = [];
  #looking: Promise<void> | undefined;
  #again: Timer | undefined;
  #refusal = new NodeError('is not connected yet', { sent: false });
  #saidDown = false;
  #stopped = false;

  constructor(plan: ClusterPlan, settings: ClusterNodeSettings) {
    this.name = plan.name;
    this.#plan = plan;
    this.#settings = settings;
    this.#backoff = new Backoff({ ...RECONNECTING, random: settings.random });
    this.#owners = new SlotOwners(plan.keyPrefix);
    this.#slots = new SlotReader(plan);
    this.#noServer = settings.nodeFor(noServer(plan), {});
    this.#noServer.start().catch(() => undefined);
  }

  /** A part of it is enough: each lock is told of its own server. */
  get up(): boolean {
    for (const server of this.#servers.values()) if (server.up) return true;
    return false;
  }

  /** As {@link up}. */
  get well(): boolean {
    for (const server of this.#servers.values()) if (server.well) return true;
    return false;
  }

  get reason(): string {
    const reasons = [...this.#servers.values()].filter(({ up }) => !up).map(({ reason }) => reason);
    return reasons.length === 0 ? this.#refusal.message : [...new Set(reasons)].join('; ');
  }

  /** What its keys are on, as far as it can be reached. */
  get servers(): readonly RedisNode[] {
    return [...this.#owners.servers];
  }

  /** The server that has this key. */
  at(key: string): RedisNode {
    return this.#owners.at(key) ?? this.#noServer;
  }

  async start(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      this.#refusal = cleanError(error, this.#plan.secrets);
      this.#lookLater();
      throw error;
    }
    const { clock } = this.#settings;
    // What is wrong with a server is told to each caller that wants a lock of it, and here when no server can be used.
    const failure = await someReady([...this.#starting.values()], clock, this.#plan.commandTimeout);
    if (failure && !this.up) throw failure;
    this.sayDown();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#again?.cancel();
    const parts = [this.#slots, this.#noServer, ...this.#servers.values()];
    await Promise.all(parts.map((part) => part.stop()));
    await this.#looking?.catch(() => undefined);
  }

  /** It has no record. */
  sync(onDone: () => void): void {
    onDone();
  }

  lookAtMemory(): void {
    for (const server of this.#servers.values()) server.lookAtMemory();
  }

  /** As {@link sync}. */
  beginToSync(): Promise<void> {
    return Promise.resolve();
  }

  sayDown(): void {
    for (const server of this.#servers.values()) server.sayDown();
    if (this.#stopped || this.#saidDown || this.#servers.size > 0) return;
    this.#saidDown = true;
    this.#settings.warn(`Redis node ${this.name} is down: ${this.reason}`);
  }

  /**
   * Sends a command on to where its server says that the key is.
   * @returns why that was not done
   */
  #redirect(from: RedisNode, exchange: Exchange, error: NodeError): NodeError | undefined {
    const redirection = redirectionOf(error, from.plan.address, this.#known);
    if (!redirection) return error;
    const again = sentOn(exchange, redirection);
    if (again instanceof NodeError) return again;
    const { slot, address, asking } = redirection;
    const server = this.#serverAt(address);
    if (asking) this.#guests.set(server, this.#settings.clock.monotonic());
    else {
      this.#owners.learn(slot, server);
      this.#lookLater();
    }
    const ready = this.#starting.get(server);
    if (ready) void ready.catch(() => undefined).then(() => server.exchange(again));
    else server.exchange(again);
    return undefined;
  }

  #serverAt(address: HostAndPort): RedisNode {
    const id = formatHost(address);
    const known = this.#servers.get(id);
    if (known) return known;
    const server: RedisNode = this.#settings.nodeFor(this.#plan.serverAt(address), {
      preflightKey: (random) =>
        this.#owners.keyAt(server, (number) => this.#settings.preflightKey(`${random}-${number}`)),
      cluster: {
        redirect: (exchange, error) => this.#redirect(server, exchange, error),
        onAway: () => this.#lookLater(),
      },
    });
    this.#servers.set(id, server);
    const starting = server.start().finally(() => this.#starting.delete(server));
    this.#starting.set(server, starting);
    starting.catch(() => this.#lookLater());
    return server;
  }

  /** Reads anew which server has which slot; one at a time. */
  #look(): Promise<void> {
    const up = [...this.#servers.values()].filter((server) => server.up);
    this.#looking ??= this.#slots
      .read(up, this.#known)
      .then((ranges) => this.#apply(ranges))
      .finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  #lookLater(): void {
    if (this.#stopped || this.#again) return;
    const look = (): void => {
      this.#again = undefined;
      this.#look().then(
        () => this.#owners.complete && this.#backoff.reset(),
        (error: unknown) => {
          this.#refusal = cleanError(error, this.#plan.secrets);
          this.#lookLater();
        },
      );
    };
    this.#again = this.#settings.clock.setTimer(this.#backoff.next(), look, 'background');
  }

  #apply(ranges: readonly SlotRange[]): void {
    if (this.#stopped) return;
    this.#owners.replace(ranges, (address) => this.#serverAt(address));
    this.#known = ranges.flatMap(({ servers }) => servers);
    this.#saidDown = false;
    const owning = this.#owners.servers;
    const now = this.#settings.clock.monotonic();
    for (const [id, server] of this.#servers) {
      const guest = now - (this.#guests.get(server) ?? -Infinity) < GUEST_STAY;
      if (!owning.has(server) && !guest) this.#remove(id, server);
    }
    this.#settle(this.#noServer.takeDebts());
    if (!this.#owners.complete) this.#lookLater();
  }

  #remove(id: string, server: RedisNode): void {
    this.#servers.delete(id);
    this.#guests.delete(server);
    if (!server.up)
      this.#settings.warn(`Redis node ${server.name} has no slots any more; other servers have them`);
    this.#settle(server.retire());
    this.#settings.onGone(server);
  }

  /** The servers that have the slots now may have the leases, too. */
  #settle(orphanedKeys: ReturnType<RedisNode['takeDebts']>): void {
    for (const { key, id } of orphanedKeys) void giveBack(this.at(key), key, id);
  }
}
