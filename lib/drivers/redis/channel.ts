import type { Clock } from '../../common/clock.js';
import type { Watch } from '../watched-place.js';
import type { NodeSubscriber } from './node-subscriber.js';

/** Releases whose publications are still being counted; older ones have been seen by a quorum or never will be. */
const MOST_COUNTED = 8;

/**
 * How long after the first publication a release is worth a try although no quorum has told of it, ms. The lease may
 * have been held on nodes to which we are not subscribed.
 */
const LONE_PUBLICATION = 20;

/** The watchers of one name, and what the nodes have published about it. */
export class Channel {
  readonly #name: string;
  readonly #subscribers: readonly NodeSubscriber[];
  readonly #quorum: number;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  /** Called when it may have become clear whether wake-ups will come. */
  readonly #waiting = new Set<() => void>();
  /** Id of the lease that was released → nodes that told so. */
  readonly #published = new Map<string, Set<number>>();

  constructor(name: string, subscribers: readonly NodeSubscriber[], quorum: number, clock: Clock) {
    this.#name = name;
    this.#subscribers = subscribers;
    this.#quorum = quorum;
    this.#clock = clock;
  }

  get idle(): boolean {
    return this.#listeners.size === 0;
  }

  add(listener: () => void, longest: number, onIdle: () => void): Watch {
    // A listener may be given twice: each watch has its own.
    const call = (): void => listener();
    this.#listeners.add(call);
    let give: (() => void) | undefined;
    const ready = this.#settled
      ? Promise.resolve()
      : new Promise<void>((resolve) => {
          const timer = this.#clock.setTimer(longest, () => done(), 'background');
          const done = (): void => {
            this.#waiting.delete(done);
            timer.cancel();
            resolve();
          };
          this.#waiting.add(done);
          give = done;
        });
    return {
      ready,
      close: () => {
        if (!this.#listeners.delete(call)) return;
        give?.();
        if (this.idle) onIdle();
      },
    };
  }

  /** Wakes when the same lease was released on a quorum of nodes: until then somebody else rarely gets a quorum. */
  published(node: number, id: string): void {
    let nodes = this.#published.get(id);
    if (!nodes) {
      nodes = new Set();
      this.#published.set(id, nodes);
      this.#wakeSoon(nodes);
      for (const oldest of this.#published.keys()) {
        if (this.#published.size <= MOST_COUNTED) break;
        this.#published.delete(oldest);
      }
    }
    nodes.add(node);
    if (nodes.size === this.#quorum) this.wake();
  }

  #wakeSoon(nodes: ReadonlySet<number>): void {
    if (this.#quorum === 1 || this.idle) return;
    this.#clock.setTimer(
      LONE_PUBLICATION,
      () => {
        if (nodes.size < this.#quorum) this.wake();
      },
      'background',
    );
  }

  wake(): void {
    for (const listener of this.#listeners) listener();
  }

  look(): void {
    if (!this.#settled) return;
    for (const give of this.#waiting) give();
  }

  end(): void {
    for (const give of this.#waiting) give();
    this.#listeners.clear();
  }

  /** A quorum is subscribed, or cannot be for now. */
  get #settled(): boolean {
    let subscribed = 0;
    let pending = 0;
    for (const subscriber of this.#subscribers) {
      const state = subscriber.stateOf(this.#name);
      if (state === 'subscribed') subscribed += 1;
      else if (state === 'pending') pending += 1;
    }
    return subscribed >= this.#quorum || subscribed + pending < this.#quorum;
  }
}
