import type { Clock } from '../../../common/clock.js';
import { Peer, type BreakReply, type WatchListener } from './peer.js';

/** The connections of this driver to drivers that hold locks or wait for them: one to each. */
export class Peers {
  #bySocket = new Map<string, Peer>();
  #closed = false;

  /** @param addressOf gives the address of a driver from the socket name that it has written down */
  constructor(
    private readonly clock: Clock,
    private readonly addressOf: (socket: string) => string = (socket) => socket,
  ) {}

  watch(socket: string, id: string, listener: WatchListener): () => void {
    return this.#get(socket).watch(id, listener);
  }

  /** Asks the holder to let go of a grant, and waits for its answer for `timeout` ms at most. */
  break(socket: string, grantId: string, timeout: number): Promise<BreakReply | 'silent'> {
    if (this.#closed) return Promise.resolve('unreachable');
    return new Promise((resolve) => {
      const giveUp = this.#get(socket).break(grantId, this.clock.wall() + timeout, (reply) => {
        timer.cancel();
        resolve(reply);
      });
      const timer = this.clock.setTimer(timeout, () => {
        giveUp();
        resolve('silent');
      });
    });
  }

  close(): void {
    this.#closed = true;
    for (const peer of this.#bySocket.values()) peer.close();
    this.#bySocket.clear();
  }

  #get(socket: string): Peer {
    const known = this.#bySocket.get(socket);
    if (known) return known;
    const peer = new Peer(this.addressOf(socket), this.clock, () => {
      if (this.#bySocket.get(socket) === peer) this.#bySocket.delete(socket);
    });
    this.#bySocket.set(socket, peer);
    return peer;
  }
}
