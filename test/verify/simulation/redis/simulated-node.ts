import type { LocalTime } from '../local-time.js';
import type { Random } from '../random.js';
import { Actor } from '../world.js';
import { RedisModel } from './redis-model.js';
import { CommandError, type Reply } from './reply.js';

/** Longer than any quarantine, ms. */
const UPTIME = 3_600_000;

/** What a node knows of a connection. */
export interface NodeSession {
  /** A message on a channel. */
  push(channel: string, message: string): void;
  /** The server is no more. */
  broken(): void;
}

/** @param sentAt on the judge's clock, ms */
export type Observer = (
  node: SimulatedNode,
  command: readonly string[],
  reply: Reply,
  sentAt: number,
) => void;

/** A machine with one redis-server, which can be stopped, killed and started again. */
export class SimulatedNode extends Actor {
  readonly thinks = false;
  /** Whether a server listens. */
  alive = true;
  readonly #model: RedisModel;
  readonly #sessions = new Set<NodeSession>();
  readonly #subscribers = new Map<string, Set<NodeSession>>();

  constructor(
    readonly name: string,
    readonly time: LocalTime,
    private readonly random: Random,
    private readonly observe: Observer,
  ) {
    super();
    this.#model = new RedisModel({
      wall: () => time.wall(this.now),
      runId: random.hex(40),
      uptime: UPTIME,
      publish: (channel, message) => this.#publish(channel, message),
    });
  }

  get keyspace(): RedisModel['keyspace'] {
    return this.#model.keyspace;
  }

  open(session: NodeSession): void {
    this.#sessions.add(session);
  }

  close(session: NodeSession): void {
    this.#sessions.delete(session);
    for (const sessions of this.#subscribers.values()) sessions.delete(session);
  }

  execute(session: NodeSession, command: readonly string[], sentAt: number): Reply {
    const reply = this.#subscription(session, command) ?? this.#model.execute(command);
    this.observe(this, command, reply, sentAt);
    return reply;
  }

  /** What an operator does. */
  administer(...command: string[]): void {
    const reply = this.#model.execute(command);
    if (reply instanceof CommandError) throw reply;
  }

  kill(): void {
    this.alive = false;
    this.#subscribers.clear();
    const sessions = [...this.#sessions];
    this.#sessions.clear();
    for (const session of sessions) session.broken();
  }

  restart(data: 'empty' | 'kept'): void {
    this.alive = true;
    this.#model.restart(this.random.hex(40), data);
  }

  #subscription(session: NodeSession, [name, ...channels]: readonly string[]): Reply | undefined {
    if (name !== 'subscribe' && name !== 'unsubscribe') return undefined;
    for (const channel of channels) {
      let sessions = this.#subscribers.get(channel);
      if (!sessions) this.#subscribers.set(channel, (sessions = new Set()));
      if (name === 'subscribe') sessions.add(session);
      else sessions.delete(session);
    }
    return channels.length;
  }

  #publish(channel: string, message: string): number {
    const sessions = this.#subscribers.get(channel) ?? [];
    let count = 0;
    for (const session of sessions) {
      session.push(channel, message);
      count += 1;
    }
    return count;
  }
}
