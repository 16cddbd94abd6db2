import type { DriverContext } from '../driver.js';
import type { Watch } from '../watched-place.js';
import type { Timer } from '../../common/clock.js';
import { Channel } from './channel.js';
import type { NodePlan } from './node-plans.js';
import { NodeSubscriber } from './node-subscriber.js';

/** How long a channel that nobody watches any more stays subscribed, ms: waiters of one lock come in bursts. */
const CHANNEL_LINGER = 1000;

/** How long the connections stay after the last channel, ms. */
const CONNECTION_LINGER = 10_000;

/** The longest that a watch waits for its subscriptions, ms; the caller then looks by itself. */
const LONGEST_READY = 1000;

/** Tells watchers that a name may be free: one subscription per channel and node, however many watchers. */
export class WakeUps {
  readonly #context: DriverContext;
  readonly #quorum: number;
  readonly #subscribers: readonly NodeSubscriber[];
  readonly #channels = new Map<string, Channel>();
  #sweep: Timer | undefined;
  #idleSince: number | undefined;
  #stopped = false;

  constructor(plans: readonly NodePlan[], quorum: number, commandTimeout: number, context: DriverContext) {
    this.#context = context;
    this.#quorum = quorum;
    this.#subscribers = plans.map(
      (plan, index) =>
        new NodeSubscriber(plan, commandTimeout, context, {
          onMessage: (name, id) => this.#channels.get(name)?.published(index, id),
          onChange: () => {
            for (const channel of this.#channels.values()) channel.look();
          },
          onMissed: () => {
            for (const channel of this.#channels.values()) channel.wake();
          },
        }),
    );
  }

  watch(name: string, listener: () => void): Watch {
    if (this.#stopped) return { ready: Promise.resolve(), close: () => undefined };
    let channel = this.#channels.get(name);
    if (!channel) {
      channel = new Channel(name, this.#subscribers, this.#quorum, this.#context.clock);
      this.#channels.set(name, channel);
      for (const subscriber of this.#subscribers) subscriber.subscribe(name);
    }
    return channel.add(listener, LONGEST_READY, () => this.#sweepLater());
  }

  /** The node's other connection has failed: this one may hang as well. */
  suspect(index: number): void {
    this.#subscribers[index]?.recycle();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#sweep?.cancel();
    for (const channel of this.#channels.values()) channel.end();
    this.#channels.clear();
    await Promise.all(this.#subscribers.map((subscriber) => subscriber.stop()));
  }

  #sweepLater(): void {
    if (this.#stopped) return;
    this.#sweep ??= this.#context.clock.setTimer(CHANNEL_LINGER, () => this.#sweepNow(), 'background');
  }

  #sweepNow(): void {
    this.#sweep = undefined;
    const now = this.#context.clock.monotonic();
    for (const [name, channel] of this.#channels) {
      if (!channel.idle) continue;
      this.#channels.delete(name);
      for (const subscriber of this.#subscribers) subscriber.unsubscribe(name);
    }
    if (this.#channels.size > 0) {
      this.#idleSince = undefined;
      return;
    }
    this.#idleSince ??= now;
    if (now - this.#idleSince < CONNECTION_LINGER) {
      this.#sweepLater();
      return;
    }
    this.#idleSince = undefined;
    for (const subscriber of this.#subscribers) void subscriber.rest();
  }
}
