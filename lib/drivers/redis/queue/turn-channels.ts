import type { DriverContext } from '../../driver.js';
import { NodeSubscriber, type RedisNode } from '../node/index.js';
import type { NodeSet } from '../quorum/index.js';

/** The longest that a waiter waits for its subscription, ms. It then relies on the refreshes. */
const LONGEST_READY = 1000;

export interface TurnEvents {
  /** A node has granted a lock to the waiter with this id, at `micros`, the node's time in µs. */
  readonly onTurn: (id: string, micros: number) => void;
  /** A waiter has waited for a subscription, which was made or refused now. Messages before that were missed. */
  readonly onReady: () => void;
  /** A node is subscribed again after its connection was lost. Messages meanwhile were missed. */
  readonly onMissed: () => void;
}

/** A waiter that does not know yet whether messages will come. */
interface Unready {
  /** Whether that is clear now; returns true once. */
  readonly look: () => boolean;
  readonly end: () => void;
}

/** The messages by which the nodes wake the waiters of this process at their turn. A message only saves time. */
export class TurnChannels {
  readonly #nodeSet: NodeSet;
  readonly #process: string;
  readonly #commandTimeout: number;
  readonly #context: DriverContext;
  readonly #events: TurnEvents;
  /** One for each node at which a waiter of ours has waited. */
  readonly #subscribers = new Map<RedisNode, NodeSubscriber>();
  readonly #unready = new Set<Unready>();

  /** @param process the beginning of our waiters' ids */
  constructor(
    nodeSet: NodeSet,
    process: string,
    commandTimeout: number,
    context: DriverContext,
    events: TurnEvents,
  ) {
    this.#nodeSet = nodeSet;
    this.#process = process;
    this.#commandTimeout = commandTimeout;
    this.#context = context;
    this.#events = events;
  }

  /**
   * Subscribes at all nodes to the messages for a lock.
   * @param index the number of the node with the waiter
   * @returns a promise that settles when it is clear whether messages will come; undefined when that is clear already
   */
  ready(key: string, index: number): Promise<void> | undefined {
    for (const each of this.#nodeSet.nodes.keys()) this.listen(each, key);
    const subscriber = this.#subscriberOf(this.#nodeOf(index, key));
    const channel = this.#channelOf(index, key);
    const isPending = (): boolean => subscriber.stateOf(channel) === 'pending';
    if (!isPending()) return undefined;
    return new Promise((resolve) => {
      const end = (): void => {
        this.#unready.delete(unready);
        timer.cancel();
        resolve();
      };
      const timer = this.#context.clock.setTimer(LONGEST_READY, end, 'background');
      const look = (): boolean => {
        if (isPending()) return false;
        end();
        return true;
      };
      const unready = { look, end };
      this.#unready.add(unready);
    });
  }

  /** Subscribes at one node to the messages for a lock. */
  listen(index: number, key: string): void {
    this.#subscriberOf(this.#nodeOf(index, key)).subscribe(this.#channelOf(index, key));
  }

  /** Ends the subscriptions at the servers of a Cluster that were not asked for again. */
  tidy(): void {
    for (const [node, subscriber] of this.#subscribers) if (node.sharded) subscriber.tidy();
  }

  /** The node is down: connects to it anew. */
  recycle(node: RedisNode): void {
    this.#subscribers.get(node)?.recycle();
  }

  /** The node is no longer used; never rejects. */
  async forget(node: RedisNode): Promise<void> {
    const subscriber = this.#subscribers.get(node);
    this.#subscribers.delete(node);
    await subscriber?.stop();
  }

  /** No waiter is left: closes the connections until the next subscription. */
  rest(): void {
    for (const subscriber of this.#subscribers.values()) void subscriber.rest();
  }

  async stop(): Promise<void> {
    for (const { end } of [...this.#unready]) end();
    await Promise.all([...this.#subscribers.values()].map((subscriber) => subscriber.stop()));
  }

  #subscriberOf(node: RedisNode): NodeSubscriber {
    let subscriber = this.#subscribers.get(node);
    if (!subscriber) {
      const { onTurn, onMissed } = this.#events;
      subscriber = new NodeSubscriber(node.plan, this.#commandTimeout, this.#context, {
        onMessage: (_channel, message) => {
          const [id = '', micros] = message.split(' ');
          onTurn(id, Number(micros));
        },
        onChange: () => this.#changed(),
        onMissed,
      });
      this.#subscribers.set(node, subscriber);
    }
    return subscriber;
  }

  #changed(): void {
    let some = false;
    for (const { look } of [...this.#unready]) some = look() || some;
    if (some) this.#events.onReady();
  }

  #channelOf(index: number, key: string): string {
    return `${this.#nodeOf(index, key).turnChannel(key)}${this.#process}`;
  }

  #nodeOf(index: number, key: string): RedisNode {
    return this.#nodeSet.nodes[index]!.at(key);
  }
}
