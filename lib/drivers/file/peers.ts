import type { Clock } from '../../common/clock.js';
import { Peer, type BreakReply, type WatchListener } from './peer.js';

/** The connections of this driver to those who hold locks or wait for them: one to each. */
export class Peers {
  #byPath = new Map<string, Peer>();
  #closed = false;

  constructor(private readonly clock: Clock) {}

  watch(path: string, id: string, listener: WatchListener): () => void {
    return this.#get(path).watch(id, listener);
  }

  /** Asks the holder to let go of a grant, and waits for its answer for `patience` ms at most. */
  break(path: string, grantId: string, patience: number): Promise<BreakReply | 'silent'> {
    if (this.#closed) return Promise.resolve('unreachable');
    return new Promise((resolve) => {
      const giveUp = this.#get(path).break(grantId, this.clock.wall() + patience, (reply) => {
        timer.cancel();
        resolve(reply);
      });
      const timer = this.clock.setTimer(patience, () => {
        giveUp();
        resolve('silent');
      });
    });
  }

  close(): void {
    this.#closed = true;
    for (const peer of this.#byPath.values()) peer.close();
    this.#byPath.clear();
  }

  #get(path: string): Peer {
    const known = this.#byPath.get(path);
    if (known) return known;
    const peer = new Peer(path, this.clock, () => {
      if (this.#byPath.get(path) === peer) this.#byPath.delete(path);
    });
    this.#byPath.set(path, peer);
    return peer;
  }
}
