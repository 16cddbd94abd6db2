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

/** A server without slots stays this long after a command was redirected to it, ms: it is about to get slots. */
const GUEST_STAY = 60_000;

export interface ClusterNodeSettings {
  readonly clock: Clock;
  readonly random: () => number;
  readonly warn: (message: string) => void;
  /** Makes a key that no lock has from a random text. */
  readonly preflightKey: (random: string) => string | undefined;
  /** Makes the node for one server, not started. */
  readonly nodeFor: (plan: ServerPlan, more: Partial<RedisNodeSettings>) => RedisNode;
  /** Called when a server has no slots any more, and was stopped. */
  readonly onGone: (server: RedisNode) => void;
}

/**
 * A Redis Cluster. It has one vote: that of the server with the slot of the lock's key.
 *
 * Each server has its own connection, time-outs and orphaned keys. So a server that hangs or dies affects only the locks of its own
 * slots. The node reads anew which server has which slot while something is wrong. It also learns that from servers that report a
 * moved slot.
 */
export class ClusterNode {
  readonly name: string;
  readonly sharded = true;
  /** None: a failover can lose leases anyway, and no server is common to all locks. */
  readonly record = undefined;
  readonly otherList = undefined;
  readonly runId = '';
  readonly #plan: ClusterPlan;
  readonly #settings: ClusterNodeSettings;
  readonly #backoff: Backoff;
  readonly #slots: SlotReader;
  /** The servers, by address. */
  readonly #servers = new Map<string, RedisNode>();
  /** The servers whose first connect is under way. */
  readonly #starting = new Map<RedisNode, Promise<void>>();
  /** When a command was redirected to a server that has no slot yet, on the monotonic clock, ms. */
  readonly #guests = new Map<RedisNode, number>();
  readonly #owners: SlotOwners;
  /** Stands for the server of a slot that has none: it refuses every command. */
  readonly #noServer: RedisNode;
  /** The known masters and replicas. */
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

  /** True while any server is up. The state of its own server decides about each lock. */
  get up(): boolean {
    for (const server of this.#servers.values()) if (server.up) return true;
    return false;
  }

  /** True while any server is well. */
  get well(): boolean {
    for (const server of this.#servers.values()) if (server.well) return true;
    return false;
  }

  get reason(): string {
    const reasons = [...this.#servers.values()].filter(({ up }) => !up).map(({ reason }) => reason);
    return reasons.length === 0 ? this.#refusal.message : [...new Set(reasons)].join('; ');
  }

  /** The known servers that have slots. */
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
    // Each caller that wants a lock of a server learns what is wrong with it. The start fails only when no server can be used.
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

  /** Does nothing: a Cluster has no record. */
  sync(onDone: () => void): void {
    onDone();
  }

  lookAtMemory(): void {
    for (const server of this.#servers.values()) server.lookAtMemory();
  }

  /** Does nothing, as {@link sync}. */
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
   * Sends a command to the server that has its key, as told by the server that was asked first.
   * @returns the error where it was not sent on
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

  /** Reads anew which server has which slot. Calls share one read. */
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

  /** Frees these keys at the servers that have their slots now: those may have got the leases, too. */
  #settle(orphanedKeys: ReturnType<RedisNode['takeDebts']>): void {
    for (const { key, id } of orphanedKeys) void giveBack(this.at(key), key, id);
  }
}
