import { createServer, type Server } from 'node:net';
import type { Clock } from '../../common/clock.js';
import { LineChannel } from './line-channel.js';
import { isWakeRequest, type WakeReply, type WakeRequest } from './wake-messages.js';

/** What this process holds, as far as the others may ask. */
export interface Holder {
  holds(grantId: string): boolean;
  /** Lets go of a grant on request of another process; false if it is not held. */
  revoke(grantId: string, pid: number): boolean;
}

type Channel = LineChannel<WakeReply, WakeRequest>;

/**
 * Where other processes wait for the locks of this one: they connect, name a grant, and are told when it ends. When
 * this process dies, the kernel closes the connections, which tells them the same.
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
      const channel: Channel = new LineChannel(
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
        // A connection that cannot be accepted (no descriptors left) closes for its other side, which then polls.
        this.#server.on('error', () => undefined);
        resolve();
      });
      this.#server.unref();
    });
  }

  /** Tells everybody who waits for this grant that it is over. */
  freed(grantId: string): void {
    const channels = this.#watchers.get(grantId);
    if (!channels) return;
    this.#watchers.delete(grantId);
    for (const channel of channels) channel.send({ op: 'freed', grant: grantId });
  }

  /** Ends every connection, and unlinks the socket. */
  async close(): Promise<void> {
    for (const channel of this.#channels) channel.close();
    this.#watchers.clear();
    if (!this.#server.listening) return;
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(channel: Channel, { op, grant, pid, until }: WakeRequest): void {
    if (op === 'unwatch') this.#unwatch(channel, grant);
    else if (op === 'break') {
      const inTime = this.clock.wall() < (until ?? 0);
      channel.send({ op: inTime && this.holder.revoke(grant, pid ?? 0) ? 'broken' : 'unheld', grant });
    } else if (this.holder.holds(grant)) {
      const channels = this.#watchers.get(grant);
      if (channels) channels.add(channel);
      else this.#watchers.set(grant, new Set([channel]));
      channel.send({ op: 'held', grant });
    } else channel.send({ op: 'freed', grant });
  }

  #unwatch(channel: Channel, grantId: string): void {
    const channels = this.#watchers.get(grantId);
    if (channels?.delete(channel) && channels.size === 0) this.#watchers.delete(grantId);
  }

  #forget(channel: Channel): void {
    this.#channels.delete(channel);
    for (const grantId of this.#watchers.keys()) this.#unwatch(channel, grantId);
  }
}
