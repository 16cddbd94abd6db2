import { EventEmitter } from 'node:events';
import type { RedisClient } from '../../../../lib/drivers/redis/connection/clients.js';
import { type Link, Stream } from '../network.js';
import type { Actor, World } from '../world.js';
import { CommandError, type Reply, Status } from './reply.js';
import type { SimulatedNode } from './simulated-node.js';

const COMMANDS = [
  'del',
  'eval',
  'evalsha',
  'exists',
  'get',
  'info',
  'pexpire',
  'pttl',
  'publish',
  'set',
  'subscribe',
].concat(['time', 'zadd', 'zrange', 'zrem', 'zremrangebyscore', 'zscore']);

export interface ClientPlace {
  readonly world: World;
  readonly owner: Actor;
  readonly node: SimulatedNode;
  readonly link: Link;
}

interface Pending {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Of ioredis what our connections use: one try to connect, no queue, no resending. */
class SimulatedClient extends EventEmitter {
  readonly isCluster = false;
  status: 'wait' | 'connecting' | 'ready' | 'end' = 'wait';
  readonly #place: ClientPlace;
  readonly #there: Stream;
  readonly #back: Stream;
  readonly #pending = new Set<Pending>();
  /** Both ends have been told that it is over, and what is on its way is thrown away. */
  #reset = false;
  #forget: () => void = () => undefined;

  constructor(place: ClientPlace) {
    super();
    this.#place = place;
    this.#there = new Stream(place.world, place.link, 'there');
    this.#back = new Stream(place.world, place.link, 'back');
    for (const name of [...COMMANDS, 'unsubscribe']) {
      Object.defineProperty(this, name, { value: (...args: unknown[]) => this.#call(name, args) });
    }
  }

  connect(): Promise<void> {
    const { owner, node } = this.#place;
    this.status = 'connecting';
    this.#forget = this.#place.link.onReset(() => this.#breakOff());
    return new Promise((resolve, reject) => {
      this.#pending.add({ resolve: () => resolve(), reject });
      this.#there.send(owner.now, undefined, () => {
        if (node.alive) node.open(this.#session);
        const answer = node.alive ? () => this.#connected() : () => this.#refused();
        this.#back.send(this.#place.world.now, owner, answer);
      });
    });
  }

  /** What was sent arrives all the same, unless the connection is reset. */
  disconnect(): void {
    if (this.status === 'end') return;
    const { world, owner, node } = this.#place;
    this.status = 'end';
    this.#there.send(owner.now, undefined, () => node.close(this.#session));
    world.at(owner.now, owner, () => this.#ended());
  }

  readonly #session = {
    push: (channel: string, message: string): void => {
      const { owner, node } = this.#place;
      this.#back.send(node.now, owner, () => {
        if (this.status === 'ready' && !this.#reset) this.emit('message', channel, message);
      });
    },
    broken: (): void => {
      this.#reset = true;
      const { world, owner } = this.#place;
      this.#back.send(world.now, owner, () => this.#lost('ECONNRESET'));
    },
  };

  #connected(): void {
    if (this.status !== 'connecting' || this.#reset) return;
    this.status = 'ready';
    this.#settle(({ resolve }) => resolve(undefined));
  }

  #refused(): void {
    if (this.status === 'connecting') this.#lost('ECONNREFUSED');
  }

  #breakOff(): void {
    const { world, owner, node } = this.#place;
    this.#reset = true;
    node.close(this.#session);
    world.at(world.now, owner, () => this.#lost('ECONNRESET'));
  }

  #lost(code: string): void {
    if (this.status === 'end') return;
    this.status = 'end';
    if (this.listenerCount('error') > 0) this.emit('error', Object.assign(new Error(code), { code }));
    this.#ended();
  }

  #ended(): void {
    this.#forget();
    this.#settle(({ reject }) => reject(new Error('Connection is closed.')));
    this.emit('end');
  }

  #settle(how: (pending: Pending) => void): void {
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const each of pending) how(each);
  }

  #call(name: string, args: readonly unknown[]): Promise<unknown> {
    const { owner, node, world } = this.#place;
    const command = [name, ...args.map(String)];
    const sentAt = owner.now;
    return new Promise((resolve, reject) => {
      if (this.status !== 'ready') {
        reject(new Error('Connection is closed.'));
        return;
      }
      const pending = { resolve, reject };
      this.#pending.add(pending);
      this.#there.send(owner.now, node, () => {
        // A server that was started since knows nothing of this connection.
        if (this.#reset || !node.alive) return;
        const reply = node.execute(this.#session, command, sentAt);
        this.#back.send(Math.max(node.now, world.now), owner, () => {
          if (this.#reset || !this.#pending.delete(pending)) return;
          if (reply instanceof CommandError) reject(reply);
          else resolve(plain(reply));
        });
      });
    });
  }
}

function plain(reply: Reply): unknown {
  if (reply instanceof Status) return reply.text;
  return Array.isArray(reply) ? (reply as readonly Reply[]).map(plain) : reply;
}

export function simulatedClient(place: ClientPlace): RedisClient {
  // It has what the driver calls; whatever else the driver may call one day is missing, and says so.
  return new SimulatedClient(place) as unknown as RedisClient;
}
