import type { DriverContext } from '../driver.js';
import type { Timer } from '../../common/clock.js';
import type { RedisClient } from './clients.js';
import type { Connection, ConnectionOwner } from './connection.js';
import { explain } from './explain.js';
import { cleanError, NodeError } from './node-error.js';
import type { NodePlan } from './node-plans.js';

export interface SubscriberEvents {
  readonly onMessage: (channel: string, message: string) => void;
  /** The answer of `stateOf` may be another one now. */
  readonly onChange: () => void;
  /** Subscribed again after the connection was lost: something may have been missed. */
  readonly onMissed: () => void;
}

/** The subscriptions on one node, over one connection that is opened with the first of them. */
export class NodeSubscriber implements ConnectionOwner {
  readonly #plan: NodePlan;
  readonly #commandTimeout: number;
  readonly #context: DriverContext;
  readonly #events: SubscriberEvents;
  /** Every channel that is wanted, and whether Redis has confirmed it. */
  readonly #channels = new Map<string, 'pending' | 'subscribed' | 'failed'>();
  #connection: Connection | undefined;
  #client: RedisClient | undefined;
  #lost = false;
  #warned = false;

  constructor(plan: NodePlan, commandTimeout: number, context: DriverContext, events: SubscriberEvents) {
    this.#plan = plan;
    this.#commandTimeout = commandTimeout;
    this.#context = context;
    this.#events = events;
  }

  stateOf(channel: string): 'pending' | 'subscribed' | 'failed' {
    return this.#channels.get(channel) ?? 'failed';
  }

  /** Subscribes, unless that was done; a subscription that was refused is not tried again over the same connection. */
  subscribeOnce(channel: string): void {
    if (this.#channels.has(channel)) return;
    this.#channels.set(channel, 'pending');
    if (!this.#connection) this.#open();
    else if (this.#client) this.#send(this.#client, [channel]);
    else if (this.#lost) this.#channels.set(channel, 'failed');
  }

  recycle(): void {
    this.#connection?.fail(new NodeError('the node is down'));
  }

  /** Nobody waits for messages: closes the connection until the next `subscribeOnce`. */
  rest(): Promise<void> {
    this.#channels.clear();
    const connection = this.#connection;
    this.#connection = undefined;
    this.#client?.off('message', this.#events.onMessage);
    this.#client = undefined;
    this.#lost = false;
    return connection?.stop() ?? Promise.resolve();
  }

  stop(): Promise<void> {
    return this.rest();
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  onUp(client: RedisClient): void {
    this.#client = client;
    client.on('message', this.#events.onMessage);
    if (this.#channels.size > 0) this.#send(client, [...this.#channels.keys()]);
  }

  onDown(): void {
    this.#client?.off('message', this.#events.onMessage);
    this.#client = undefined;
    this.#lose();
  }

  #open(): void {
    const connection = this.#plan.subscribe(this);
    this.#connection = connection;
    // The tries go on; until one succeeds the watchers look by themselves.
    connection.start().catch(() => {
      if (this.#connection === connection) this.#lose();
    });
  }

  #lose(): void {
    this.#lost = true;
    for (const channel of this.#channels.keys()) this.#channels.set(channel, 'failed');
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
    client
      .subscribe(...channels)
      .then(
        () => this.#client === client && this.#confirm(channels),
        (error: unknown) =>
          this.#client === client && this.#refused(channels, cleanError(error, this.#plan.secrets)),
      )
      .finally(() => watchdog.cancel());
  }

  #confirm(channels: readonly string[]): void {
    const missed = this.#lost;
    this.#lost = false;
    for (const channel of channels) {
      if (this.#channels.has(channel)) this.#channels.set(channel, 'subscribed');
    }
    this.#events.onChange();
    if (missed) this.#events.onMissed();
  }

  #refused(channels: readonly string[], error: NodeError): void {
    for (const channel of channels) {
      if (this.#channels.has(channel)) this.#channels.set(channel, 'failed');
    }
    if (!this.#warned) {
      this.#warned = true;
      const why = `${explain(error)}; waiters look by themselves, some times a second`;
      this.#context.warn(`Redis node ${this.#plan.name} refuses subscriptions: ${why}`);
    }
    this.#events.onChange();
  }

  #giveUp(what: string): void {
    this.#connection?.fail(new NodeError(`no answer to ${what} within ${this.#commandTimeout} ms`));
  }
}
