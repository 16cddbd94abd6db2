import type { Timer } from '../../../common/clock.js';
import type { DriverContext, Watch } from '../../driver.js';
import { NodeSubscriber, type RedisNode } from '../node/index.js';
import type { NodeSet } from '../quorum/index.js';

/** The longest that `ready` takes, ms. */
const LONGEST_READY = 1000;

/** How often each subscription is asked for again, ms: on a Cluster it would end otherwise. */
const RENEWED_EVERY = 4000;

/** The listeners on one channel. */
interface Watched {
  /** The index key of the space. It determines the server of a Cluster. */
  readonly index: string;
  readonly listeners: Set<() => void>;
}

/** The listeners for changes of records, over one connection per node. The connection exists while there are listeners. */
export class RecordWatches {
  readonly #nodeSet: NodeSet;
  readonly #commandTimeout: number;
  readonly #context: DriverContext;
  readonly #channels = new Map<string, Watched>();
  readonly #subscribers = new Map<RedisNode, NodeSubscriber>();
  readonly #unready = new Set<() => void>();
  #again: Timer | undefined;
  #stopped = false;

  constructor(nodeSet: NodeSet, commandTimeout: number, context: DriverContext) {
    this.#nodeSet = nodeSet;
    this.#commandTimeout = commandTimeout;
    this.#context = context;
  }

  watch(index: string, channel: string, onChange: () => void): Watch {
    // One wrapper for each call, so that the same function may be given twice.
    const listener = (): void => onChange();
    const watched: Watched = this.#channels.get(channel) ?? { index, listeners: new Set() };
    watched.listeners.add(listener);
    if (!this.#stopped) {
      this.#channels.set(channel, watched);
      this.#subscribe();
    }
    const end = (): void => {
      watched.listeners.delete(listener);
      if (watched.listeners.size > 0 || this.#channels.get(channel) !== watched) return;
      this.#channels.delete(channel);
      if (this.#channels.size === 0) void this.#rest();
    };
    return { ready: this.#readyAt(channel, watched), [Symbol.dispose]: end };
  }

  suspect(node: RedisNode): void {
    this.#subscribers.get(node)?.recycle();
  }

  async forget(node: RedisNode): Promise<void> {
    const subscriber = this.#subscribers.get(node);
    this.#subscribers.delete(node);
    await subscriber?.stop();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#channels.clear();
    await this.#rest();
  }

  async #rest(): Promise<void> {
    this.#again?.cancel();
    this.#again = undefined;
    this.#look();
    await Promise.all([...this.#subscribers.values()].map((subscriber) => subscriber.rest()));
  }

  #subscribe(): void {
    for (const [channel, watched] of this.#channels)
      for (const node of this.#nodesOf(watched)) this.#subscriberOf(node).subscribe(channel);
    this.#again?.cancel();
    this.#again = this.#context.clock.setTimer(RENEWED_EVERY, () => this.#subscribe(), 'background');
  }

  #nodesOf({ index }: Watched): readonly RedisNode[] {
    return this.#nodeSet.nodes.map((node) => node.at(index));
  }

  #subscriberOf(node: RedisNode): NodeSubscriber {
    let subscriber = this.#subscribers.get(node);
    if (!subscriber) {
      subscriber = new NodeSubscriber(node.plan, this.#commandTimeout, this.#context, {
        onMessage: (channel) => this.#tell(channel),
        onChange: () => this.#look(),
        onMissed: () => {
          for (const channel of this.#channels.keys()) this.#tell(channel);
        },
      });
      this.#subscribers.set(node, subscriber);
    }
    return subscriber;
  }

  #tell(channel: string): void {
    for (const listener of this.#channels.get(channel)?.listeners ?? []) listener();
  }

  #readyAt(channel: string, watched: Watched): Promise<void> {
    const isPending = (): boolean =>
      this.#channels.get(channel) === watched &&
      this.#nodesOf(watched).some((node) => this.#subscribers.get(node)?.stateOf(channel) === 'pending');
    if (!isPending()) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.#unready.delete(look);
        timer.cancel();
        resolve();
      };
      const look = (): void => {
        if (!isPending()) end();
      };
      const timer = this.#context.clock.setTimer(LONGEST_READY, end, 'background');
      this.#unready.add(look);
    });
  }

  #look(): void {
    for (const look of this.#unready) look();
  }
}
