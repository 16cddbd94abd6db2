import type { Clock, Timer } from '../../../common/clock.js';
import { Backoff } from '../../../common/backoff.js';
import {
  type ClusterPlan,
  type Connection,
  RECONNECTING,
  type RedisClient,
  type ServerPlan,
} from '../connection/index.js';
import { formatHost, type HostAndPort } from '../options/index.js';
import { type SlotRange, slotRanges } from './cluster-map.js';
import { hashTagOf, slotOf, SLOTS } from '../scripts/index.js';
import { cleanError, NodeError } from '../errors/index.js';
import { Exchange, type Rank } from './pending-commands.js';
import type { RedisNode, RedisNodeSettings } from './redis-node.js';
import { giveBack } from './give-back.js';

/** How often one command is sent on: a slot that moves costs one, or two. */
const MOST_HOPS = 5;

/** A server without slots that somebody was sent to is kept for so long, ms: it is getting some. */
const GUEST_STAY = 60_000;

/** How many keys are tried for one that is in a slot of a certain server. */
const MOST_KEYS = 500;

export interface ClusterNodeSettings {
  readonly clock: Clock;
  readonly random: () => number;
  readonly warn: (message: string) => void;
  /** A key that nobody uses; given a random text. */
  readonly preflightKey: (random: string) => string;
  /** Makes the node for one server, not started. */
  readonly nodeFor: (plan: ServerPlan, more: Partial<RedisNodeSettings>) => RedisNode;
  /** The server has no slots any more, and has been stopped. */
  readonly onGone: (server: RedisNode) => void;
}

/**
 * A Redis Cluster, which has one vote: that of the server which has the slot of the lock's key.
 *
 * Each server has a connection, time-outs and orphaned keys of its own, so that one that hangs or dies takes along the locks of its own slots
 * only. Which server has which slot is read anew while something is wrong, and learnt from what the servers say of a slot that has
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
  /** By address. */
  readonly #servers = new Map<string, RedisNode>();
  /** Those that are connected for the first time. */
  readonly #starting = new Map<RedisNode, Promise<void>>();
  /** When somebody was sent to a server that has no slot yet, on the monotonic clock, ms. */
  readonly #guests = new Map<RedisNode, number>();
  /** By slot. */
  #owners: RedisNode[] = [];
  /** Has the slots that no server has. */
  readonly #nobody: RedisNode;
  /** Masters and replicas, as far as they were heard of. */
  #known: readonly HostAndPort[] = [];
  #looking: Promise<void> | undefined;
  /** Over which the servers are asked for nothing else. */
  #asking: readonly Connection[] = [];
  #looks = 0;
  #again: Timer | undefined;
  #refusal = new NodeError('is not connected yet', { sent: false });
  #saidDown = false;
  #stopped = false;

  constructor(plan: ClusterPlan, settings: ClusterNodeSettings) {
    this.name = plan.name;
    this.#plan = plan;
    this.#settings = settings;
    this.#backoff = new Backoff({ ...RECONNECTING, random: settings.random });
    this.#nobody = settings.nodeFor(nobody(plan), {});
    this.#nobody.start().catch(() => undefined);
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
    return [...new Set(this.#owners.filter((server) => server !== undefined))];
  }

  /** The server that has this key. */
  at(key: string): RedisNode {
    return this.#owners[slotOf(hashTagOf(this.#plan.keyPrefix + key))] ?? this.#nobody;
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
    // What is wrong with a server is told to whoever wants a lock of it, and here when none can be used.
    const failure = await someReady([...this.#starting.values()], clock, this.#plan.commandTimeout);
    if (failure && !this.up) throw failure;
    this.sayDown();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#again?.cancel();
    const parts = [this.#nobody, ...this.#servers.values(), ...this.#asking];
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
    const redirection = redirectionOf(error, from.plan.address);
    if (!redirection) return error;
    const hops = exchange instanceof Redirected ? exchange.hops : 0;
    if (hops === MOST_HOPS) return new NodeError('its slot of the Cluster moves too often', { sent: false });
    const { slot, address, asking } = redirection;
    const server = this.#serverAt(address);
    if (asking) this.#guests.set(server, this.#settings.clock.monotonic());
    else this.#learn(slot, server);
    const sentOn = new Redirected(exchange, hops + 1, asking);
    const ready = this.#starting.get(server);
    if (ready) void ready.catch(() => undefined).then(() => server.exchange(sentOn));
    else server.exchange(sentOn);
    return undefined;
  }

  #learn(slot: number, server: RedisNode): void {
    this.#owners[slot] = server;
    this.#lookLater();
  }

  #serverAt(address: HostAndPort): RedisNode {
    const id = formatHost(address);
    const known = this.#servers.get(id);
    if (known) return known;
    const server: RedisNode = this.#settings.nodeFor(this.#plan.serverAt(address), {
      preflightKey: (random) => this.#keyAt(server, random),
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

  /** Undefined where no lock's key gets there, or hardly one: a `lockKey` may put all into one slot. */
  #keyAt(server: RedisNode, random: string): string | undefined {
    for (let number = 0; number < MOST_KEYS; number += 1) {
      const key = this.#settings.preflightKey(`${random}-${number}`);
      if (this.at(key) === server) return key;
    }
    return undefined;
  }

  /** Reads anew which server has which slot; one at a time. */
  #look(): Promise<void> {
    this.#looking ??= this.#read()
      .then((ranges) => this.#apply(ranges))
      .finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  #lookLater(): void {
    if (this.#stopped || this.#again) return;
    const look = (): void => {
      this.#again = undefined;
      this.#look().then(
        () => this.#complete && this.#backoff.reset(),
        (error: unknown) => {
          this.#refusal = cleanError(error, this.#plan.secrets);
          this.#lookLater();
        },
      );
    };
    this.#again = this.#settings.clock.setTimer(this.#backoff.next(), look, 'background');
  }

  get #complete(): boolean {
    for (let slot = 0; slot < SLOTS; slot += 1) if (this.#owners[slot]?.up !== true) return false;
    return true;
  }

  async #read(): Promise<readonly SlotRange[]> {
    const up = [...this.#servers.values()].filter((server) => server.up);
    this.#looks += 1;
    for (let number = 0; number < up.length; number += 1) {
      // Another one each time: what one says may be old.
      const server = up[(this.#looks + number) % up.length] as RedisNode;
      try {
        return slotRanges(await server.send((client) => client.cluster('SLOTS')), server.plan.address);
      } catch {
        // The next one may know.
        continue;
      }
    }
    // A stop lets the servers fail too, and has stopped the connections that it knew of.
    if (this.#stopped) throw new NodeError('the coordinator has been stopped', { sent: false });
    return this.#readAnew();
  }

  /** Over connections of its own to every server that was heard of; the first answer counts. */
  async #readAnew(): Promise<readonly SlotRange[]> {
    const addresses = new Map<string, HostAndPort>();
    for (const address of [...this.#plan.seeds(), ...this.#known])
      addresses.set(formatHost(address), address);
    const tries = [...addresses.values()].map((address) => {
      let reply: unknown;
      const verify = async (client: RedisClient): Promise<void> => {
        reply = await client.cluster('SLOTS');
      };
      const idle = (): void => undefined;
      const connection = this.#plan.serverAt(address).connect({ verify, onUp: idle, onDown: idle });
      return { connection, ranges: connection.start().then(() => slotRanges(reply, address)) };
    });
    this.#asking = tries.map(({ connection }) => connection);
    try {
      return await Promise.any(tries.map(({ ranges }) => ranges));
    } catch (error) {
      const reasons = error instanceof AggregateError ? error.errors.map((each) => cleanError(each)) : [];
      throw reasons.find(({ answered }) => answered) ?? reasons[0] ?? cleanError(error);
    } finally {
      await Promise.all(this.#asking.map((connection) => connection.stop()));
      this.#asking = [];
    }
  }

  #apply(ranges: readonly SlotRange[]): void {
    if (this.#stopped) return;
    const owners: RedisNode[] = [];
    for (const { from, to, master } of ranges) {
      const server = this.#serverAt(master);
      for (let slot = from; slot <= to; slot += 1) owners[slot] = server;
    }
    this.#owners = owners;
    this.#known = ranges.flatMap(({ servers }) => servers);
    this.#saidDown = false;
    const owning = new Set(owners);
    const now = this.#settings.clock.monotonic();
    for (const [id, server] of this.#servers) {
      const guest = now - (this.#guests.get(server) ?? -Infinity) < GUEST_STAY;
      if (!owning.has(server) && !guest) this.#remove(id, server);
    }
    this.#settle(this.#nobody.takeDebts());
    if (!this.#complete) this.#lookLater();
  }

  #remove(id: string, server: RedisNode): void {
    this.#servers.delete(id);
    this.#guests.delete(server);
    if (!server.up)
      this.#settings.warn(`Redis node ${server.name} has no slots any more; other servers have them`);
    const orphanedKeys = server.takeDebts();
    void server.stop();
    this.#settle(orphanedKeys);
    this.#settings.onGone(server);
  }

  /** Who has the slots now may have the leases, too. */
  #settle(orphanedKeys: ReturnType<RedisNode['takeDebts']>): void {
    for (const { key, id } of orphanedKeys) void giveBack(this.at(key), key, id);
  }
}

/**
 * Resolves when all have succeeded or failed, and no later than `grace` ms after the first has succeeded.
 * @returns the first failure so far
 */
function someReady(
  tries: readonly Promise<void>[],
  clock: Clock,
  grace: number,
): Promise<NodeError | undefined> {
  return new Promise((resolve) => {
    let failure: NodeError | undefined;
    let giveUp: Timer | undefined;
    const ready = (): void => {
      giveUp ??= clock.setTimer(grace, () => resolve(failure));
    };
    const failed = (error: unknown): void => {
      failure ??= cleanError(error);
    };
    void Promise.all(tries.map((each) => each.then(ready, failed))).then(() => {
      giveUp?.cancel();
      resolve(failure);
    });
  });
}

interface Redirection {
  readonly slot: number;
  readonly address: HostAndPort;
  /** The slot is still on its way: for this one command alone. */
  readonly asking: boolean;
}

/** https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#redirection-and-resharding */
function redirectionOf({ message }: NodeError, from: HostAndPort | undefined): Redirection | undefined {
  const [, kind, digits, host = '', port] = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(message) ?? [];
  const slot = Number(digits);
  if (kind === undefined || slot >= SLOTS) return undefined;
  // A server that does not know its own name leaves it out.
  const address = { host: host === '' ? (from?.host ?? '') : host, port: Number(port) };
  return { slot, address, asking: kind === 'ASK' };
}

/** A command that its server has sent on. Who sent it counts from the first time. */
class Redirected extends Exchange {
  constructor(
    private readonly exchange: Exchange,
    readonly hops: number,
    private readonly asking: boolean,
  ) {
    super();
  }

  get rank(): Rank {
    return this.exchange.rank;
  }

  override get unwanted(): NodeError | undefined {
    return this.exchange.unwanted;
  }

  send(client: RedisClient): Promise<unknown> {
    if (!this.asking) return this.exchange.send(client);
    // Both at once, as the one counts for the other that comes right after it.
    return Promise.all([client.asking(), this.exchange.send(client)]).then(([, reply]) => reply);
  }

  onReply(reply: unknown): void {
    this.exchange.onReply(reply);
  }

  onError(error: NodeError): void {
    this.exchange.onError(error);
  }
}

function nobody({ name, secrets, commandTimeout }: ClusterPlan): ServerPlan {
  const refuse = (): Promise<never> =>
    Promise.reject(new NodeError('no server of the Cluster has the slot of this lock', { sent: false }));
  const connect = () => ({ start: refuse, fail: () => undefined, stop: () => Promise.resolve() });
  return { name, secrets, commandTimeout, topology: 'shard', connect, subscribe: connect };
}
