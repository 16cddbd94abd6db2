import type { DriverContext } from '../../driver.js';
import type { Timer } from '../../../common/clock.js';
import type { Connection, ConnectionOwner, RedisClient, ServerPlan } from '../connection/index.js';
import { cleanError, explain, NodeError } from '../errors/index.js';
import { TURN_CHANNEL } from '../scripts/index.js';

export interface SubscriberEvents {
  readonly onMessage: (channel: string, message: string) => void;
  /** The answer of `stateOf` may have changed. */
  readonly onChange: () => void;
  /** The node is subscribed again after a lost connection: messages may have been missed. */
  readonly onMissed: () => void;
}

/** After this many ms a subscription on a Cluster is made again, as its slot may have moved. */
const RENEWED_AFTER = 5000;

/** A subscription on a Cluster ends when it was not asked for again within this many ms. */
const ENDED_AFTER = 8000;

interface Subscription {
  state: 'pending' | 'subscribed' | 'failed';
  /** When it was made, on the monotonic clock, ms. */
  readonly since: number;
}

/**
 * The subscriptions on one node, over one connection that the first of them opens.
 *
 * On a Cluster from Redis 7 on, each subscription is made at the server with the slot of its channel. The other servers then do not
 * get its messages. When a slot moves, its server ends the subscription. It is made again at the new server, or here when the slot
 * did not move after all.
 */
export class NodeSubscriber implements ConnectionOwner {
  readonly #plan: ServerPlan;
  readonly #commandTimeout: number;
  readonly #context: DriverContext;
  readonly #events: SubscriberEvents;
  /** By channel, the oldest first. */
  readonly #channels = new Map<string, Subscription>();
  #connection: Connection | undefined;
  #client: RedisClient | undefined;
  /** Whether Redis has sharded publish and subscribe, and this user may use it: its messages reach one server alone. */
  #sharded = false;
  #lost = false;
  #warned = false;

  constructor(plan: ServerPlan, commandTimeout: number, context: DriverContext, events: SubscriberEvents) {
    this.#plan = plan;
    this.#commandTimeout = commandTimeout;
    this.#context = context;
    this.#events = events;
  }

  stateOf(channel: string): Subscription['state'] {
    return this.#channels.get(channel)?.state ?? 'failed';
  }

  /**
   * Subscribes, unless the channel is subscribed. A refused subscription is not tried again over the same connection. On a Cluster, where
   * each lock has a channel, a subscription lasts only if this is called again and again.
   */
  subscribe(channel: string): void {
    if (this.#plan.topology === 'shard') this.#endOld(channel);
    if (this.#channels.has(channel)) return;
    const state = this.#connection && !this.#client && this.#lost ? 'failed' : 'pending';
    this.#channels.set(channel, { state, since: this.#context.clock.monotonic() });
    if (!this.#connection) this.#open();
    else if (this.#client) this.#send(this.#client, [channel]);
  }

  recycle(): void {
    this.#connection?.fail(new NodeError('the node is down'));
  }

  /** No waiter is left: closes the connection until the next `subscribe`. */
  rest(): Promise<void> {
    this.#channels.clear();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#forgetClient();
    this.#lost = false;
    return connection?.stop() ?? Promise.resolve();
  }

  stop(): Promise<void> {
    return this.rest();
  }

  async verify(client: RedisClient): Promise<void> {
    if (this.#plan.topology !== 'shard') return;
    const refusal = await client.spublish(TURN_CHANNEL, '').then(
      () => '',
      (error: unknown) => cleanError(error).message,
    );
    this.#sharded = !/NOPERM|unknown command/.test(refusal);
  }

  onUp(client: RedisClient): void {
    this.#client = client;
    client.on('message', this.#events.onMessage);
    client.on('smessage', this.#events.onMessage);
    if (this.#sharded) for (const channel of this.#channels.keys()) this.#send(client, [channel]);
    else if (this.#channels.size > 0) this.#send(client, [...this.#channels.keys()]);
  }

  onDown(): void {
    this.#forgetClient();
    this.#lose();
  }

  #forgetClient(): void {
    this.#client?.off('message', this.#events.onMessage);
    this.#client?.off('smessage', this.#events.onMessage);
    this.#client = undefined;
  }

  /** Ends the subscriptions on a Cluster that were not asked for lately. */
  tidy(): void {
    this.#endOld();
  }

  #endOld(wanted?: string): void {
    const now = this.#context.clock.monotonic();
    const age = (channel: string): number => now - (this.#channels.get(channel)?.since ?? now);
    if (wanted !== undefined && age(wanted) > RENEWED_AFTER) this.#end(wanted);
    for (const channel of this.#channels.keys()) {
      if (age(channel) <= ENDED_AFTER) break;
      this.#end(channel);
    }
  }

  #end(channel: string): void {
    this.#channels.delete(channel);
    const client = this.#client;
    if (!client) return;
    // The subscription may be of either kind. A failure does not matter: all subscriptions end with the connection.
    const ends = [client.unsubscribe(channel)];
    if (this.#sharded) ends.push(client.sunsubscribe(channel));
    for (const end of ends) end.catch(() => undefined);
  }

  #open(): void {
    const connection = this.#plan.subscribe(this);
    this.#connection = connection;
    // The connection tries again by itself. Until it succeeds, the waiters look by themselves.
    connection.start().catch(() => {
      if (this.#connection === connection) this.#lose();
    });
  }

  #lose(): void {
    this.#lost = true;
    this.#become('failed', [...this.#channels.keys()]);
    this.#events.onChange();
  }

  #send(client: RedisClient, channels: readonly string[]): void {
    const watchdog: Timer = this.#context.clock.setTimer(
      this.#commandTimeout,
      () => {
        if (this.#client === client) this.#giveUp('subscribe');
      },
      'background',
    );
    this.#subscribe(client, channels)
      .then(
        () => this.#client === client && this.#confirm(channels),
        (error: unknown) =>
          this.#client === client && this.#refused(channels, cleanError(error, this.#plan.secrets)),
      )
      .finally(() => watchdog.cancel());
  }

  async #subscribe(client: RedisClient, channels: readonly string[]): Promise<void> {
    try {
      if (this.#sharded) return void (await client.ssubscribe(...channels));
    } catch {
      // Refused, or the slot is moving: a message that reaches no sharded subscriber is published to all servers.
    }
    await client.subscribe(...channels);
  }

  #confirm(channels: readonly string[]): void {
    const missed = this.#lost;
    this.#lost = false;
    this.#become('subscribed', channels);
    this.#events.onChange();
    if (missed) this.#events.onMissed();
  }

  #refused(channels: readonly string[], error: NodeError): void {
    this.#become('failed', channels);
    if (!this.#warned) {
      this.#warned = true;
      const why = `${explain(error)}; waiters look by themselves, some times a second`;
      this.#context.warn(`Redis node ${this.#plan.name} refuses subscriptions: ${why}`);
    }
    this.#events.onChange();
  }

  #become(state: Subscription['state'], channels: readonly string[]): void {
    for (const channel of channels) {
      const subscription = this.#channels.get(channel);
      if (subscription) subscription.state = state;
    }
  }

  #giveUp(what: string): void {
    this.#connection?.fail(new NodeError(`no answer to ${what} within ${this.#commandTimeout} ms`));
  }
}
