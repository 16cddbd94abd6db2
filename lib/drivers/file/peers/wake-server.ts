import { createServer, type Server } from 'node:net';
import type { Clock } from '../../../common/clock.js';
import { MessageChannel } from './message-channel.js';
import { isWakeRequest, type WakeReply, type WakeRequest } from './wake-messages.js';

/** The grants and tickets of this process, as far as other processes may ask for them. */
export interface Holder {
  /** Whether this process has that grant or ticket. */
  holds(id: string): boolean;
  /** Lets go of a grant on request of another process; false if the grant is not held. */
  revoke(grantId: string, pid: number): boolean;
}

type Channel = MessageChannel<WakeReply, WakeRequest>;

/**
 * The server at which other processes wait for this one. They connect and name a grant or a ticket of it; the server tells them when
 * it ends. When this process dies, the kernel closes the connections, which tells them the same.
 *
 * It serves others only, and so never keeps this process alive.
 */
export class WakeServer {
  #server: Server;
  #channels = new Set<Channel>();
  #watchers = new Map<string, Set<Channel>>();

  constructor(
    private readonly holder: Holder,
    private readonly clock: Clock,
  ) {
    this.#server = createServer((socket) => {
      socket.unref();
      const channel: Channel = new MessageChannel(
        socket,
        isWakeRequest,
        (request) => this.#answer(channel, request),
        () => this.#forget(channel),
      );
      this.#channels.add(channel);
    });
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, () => {
        this.#server.off('error', reject);
        // A connection that cannot be accepted (no descriptors left) closes at the other side, which then polls.
        this.#server.on('error', () => undefined);
        resolve();
      });
      this.#server.unref();
    });
  }

  /** Tells every process that waits for this grant or ticket that it is over. */
  freed(id: string): void {
    const channels = this.#watchers.get(id);
    if (!channels) return;
    this.#watchers.delete(id);
    for (const channel of channels) channel.send({ op: 'freed', id });
  }

  /** Ends every connection, and unlinks the socket. */
  async close(): Promise<void> {
    for (const channel of this.#channels) channel.close();
    this.#watchers.clear();
    if (!this.#server.listening) return;
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(channel: Channel, { op, id, pid, until }: WakeRequest): void {
    if (op === 'unwatch') this.#unwatch(channel, id);
    else if (op === 'break') {
      const inTime = this.clock.wall() < (until ?? 0);
      channel.send({ op: inTime && this.holder.revoke(id, pid ?? 0) ? 'broken' : 'unheld', id });
    } else if (this.holder.holds(id)) {
      const channels = this.#watchers.get(id);
      if (channels) channels.add(channel);
      else this.#watchers.set(id, new Set([channel]));
      channel.send({ op: 'held', id });
    } else channel.send({ op: 'freed', id });
  }

  #unwatch(channel: Channel, id: string): void {
    const channels = this.#watchers.get(id);
    if (channels?.delete(channel) && channels.size === 0) this.#watchers.delete(id);
  }

  #forget(channel: Channel): void {
    this.#channels.delete(channel);
    for (const id of this.#watchers.keys()) this.#unwatch(channel, id);
  }
}
