import type { Channel } from 'node:diagnostics_channel';
import { InvalidOptionsError } from '../errors.js';
import { channelOf, channelTypeOf } from './channels.js';
import { shown } from './checks.js';
import { type CoordinatorEventName, type CoordinatorEvents, EVENT_NAMES } from './coordinator.events.js';
import { outsideCalls, type OwnContext, ownContext } from './clock.js';

const CHANNELS = Object.fromEntries(EVENT_NAMES.map((name) => [name, channelOf(name)])) as Record<
  CoordinatorEventName,
  Channel
>;

const TYPES = Object.fromEntries(EVENT_NAMES.map((name) => [name, channelTypeOf(name)])) as Record<
  CoordinatorEventName,
  string
>;

/** The properties that a message has besides those of its event. */
interface Envelope {
  type?: string;
  coordinator?: string;
  lease?: object;
}

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

/** Typed events. A listener that throws, or rejects, is reported and changes nothing for the others. */
export class CoordinatorEmitter {
  readonly #listeners = new Map<CoordinatorEventName, Set<Subscription>>();

  /** @param coordinator its name, where it has one, for listeners to all coordinators of the process */
  constructor(
    private readonly report: (message: string, error: unknown) => void,
    private readonly coordinator?: string,
  ) {}

  /** Whether the event has any listener or subscriber. */
  wants(name: CoordinatorEventName): boolean {
    return CHANNELS[name].hasSubscribers || this.#hasListeners(name);
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

  /** Reports what a call does, in its async context. `event` is called only for a listener; its result belongs to this emitter. */
  emit<E extends CoordinatorEventName>(name: E, event: () => CoordinatorEvents[E], lease?: object): void {
    if (!this.wants(name)) return;
    const payload = event();
    const heard = this.#hasListeners(name);
    this.#publish(name, payload, lease, heard);
    if (!heard) return;
    for (const { listener } of this.#listenersOf(name)) this.#tell(name, listener, payload);
  }

  /** Reports an event that no call, or another call, has caused. Each listener is called in its own async context. */
  announce<E extends CoordinatorEventName>(name: E, event: () => CoordinatorEvents[E], lease?: object): void {
    if (!this.wants(name)) return;
    const payload = event();
    const heard = this.#hasListeners(name);
    outsideCalls(() => this.#publish(name, payload, lease, heard));
    if (!heard) return;
    for (const { listener, context } of this.#listenersOf(name))
      context(() => this.#tell(name, listener, payload));
  }

  #hasListeners(name: CoordinatorEventName): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  #listenersOf(name: CoordinatorEventName): Subscription[] {
    return [...(this.#listeners.get(name) ?? [])];
  }

  /**
   * The message is the event itself unless it is `heard`, as a copy costs more than all the rest. A subscriber that throws stops nothing:
   * Node makes its error an uncaught exception.
   */
  #publish(name: CoordinatorEventName, event: object, lease: object | undefined, heard: boolean): void {
    const channel = CHANNELS[name];
    if (!channel.hasSubscribers) return;
    const message: Envelope = heard ? { ...event } : event;
    message.type = TYPES[name];
    if (this.coordinator !== undefined) message.coordinator = this.coordinator;
    if (lease) message.lease = lease;
    channel.publish(message);
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
