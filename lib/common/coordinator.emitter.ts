import type { Channel } from 'node:diagnostics_channel';
import { InvalidOptionsError } from '../errors.js';
import { channelOf, channelTypeOf } from './channels.js';
import { shown } from './checks.js';
import { type CoordinatorEventName, type CoordinatorEvents, EVENT_NAMES } from './coordinator.events.js';
import { outsideCalls, type OwnContext, ownContext } from './own-context.js';

const CHANNELS = Object.fromEntries(EVENT_NAMES.map((name) => [name, channelOf(name)])) as Record<
  CoordinatorEventName,
  Channel
>;

/** @throws InvalidOptionsError */
function checkListener(name: unknown, listener: unknown): void {
  if (typeof name !== 'string' || !(EVENT_NAMES as string[]).includes(name)) {
    throw new InvalidOptionsError(`on: unknown event ${shown(name)}, known are ${EVENT_NAMES.join(', ')}`);
  }
  if (typeof listener === 'function') return;
  throw new InvalidOptionsError(`on: the listener for "${name}" must be a function, got ${shown(listener)}`);
}

/** An object of its own for each call of `on`: the same function may listen twice. */
interface Subscription {
  readonly listener: (event: never) => unknown;
  /** Where it was subscribed. */
  readonly context: OwnContext;
}

/** Typed events. A listener that throws, or rejects, is reported and changes nothing for anybody else. */
export class CoordinatorEmitter {
  readonly #listeners = new Map<CoordinatorEventName, Set<Subscription>>();

  /** @param coordinator its name, where it has one, for those who listen to all coordinators of the process */
  constructor(
    private readonly report: (message: string, error: unknown) => void,
    private readonly coordinator?: string,
  ) {}

  /** Whether anybody would be told. */
  wants(name: CoordinatorEventName): boolean {
    return CHANNELS[name].hasSubscribers || (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  on<E extends CoordinatorEventName>(name: E, listener: (event: CoordinatorEvents[E]) => void): () => void {
    checkListener(name, listener);
    let listeners = this.#listeners.get(name);
    if (!listeners) this.#listeners.set(name, (listeners = new Set()));
    const subscription: Subscription = { listener, context: ownContext() };
    listeners.add(subscription);
    return () => {
      listeners.delete(subscription);
    };
  }

  /** What a call does, told in its async context. `event` is made only when somebody listens. */
  emit<E extends CoordinatorEventName>(name: E, event: () => CoordinatorEvents[E], lease?: object): void {
    if (!this.wants(name)) return;
    const payload = event();
    this.#publish(name, payload, lease);
    for (const { listener } of this.#listenersOf(name)) this.#tell(name, listener, payload);
  }

  /** What happens by itself, or because of somebody else's call: each listener is told in its own async context. */
  announce<E extends CoordinatorEventName>(name: E, event: () => CoordinatorEvents[E], lease?: object): void {
    if (!this.wants(name)) return;
    const payload = event();
    outsideCalls(() => this.#publish(name, payload, lease));
    for (const { listener, context } of this.#listenersOf(name))
      context(() => this.#tell(name, listener, payload));
  }

  #listenersOf(name: CoordinatorEventName): Subscription[] {
    return [...(this.#listeners.get(name) ?? [])];
  }

  /** Node lets no subscriber that throws get in the way: its error becomes an uncaught exception. */
  #publish<E extends CoordinatorEventName>(
    name: E,
    payload: CoordinatorEvents[E],
    lease: object | undefined,
  ): void {
    const channel = CHANNELS[name];
    if (!channel.hasSubscribers) return;
    const { coordinator } = this;
    const type = channelTypeOf(name);
    channel.publish({
      type,
      ...payload,
      ...(coordinator !== undefined && { coordinator }),
      ...(lease && { lease }),
    });
  }

  #tell(name: CoordinatorEventName, listener: Subscription['listener'], payload: unknown): void {
    try {
      const result: unknown = listener(payload as never);
      if (result instanceof Promise) result.catch((error: unknown) => this.#fail(name, error));
    } catch (error) {
      this.#fail(name, error);
    }
  }

  #fail(name: CoordinatorEventName, error: unknown): void {
    this.report(`A listener for "${name}" failed`, error);
  }
}
