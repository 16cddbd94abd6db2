import type { Clock, Timer } from '../../common/clock.js';
import type { Watch } from '../watched-place.js';
import type { OwnerRecord } from './owner-record.js';
import type { Peers } from './peers.js';
import { WatchedName } from './watched-name.js';

const READY = Promise.resolve();

/**
 * The names that are waited for in this process.
 *
 * A name whose holder has answered costs nothing until it is freed. The others (a holder that is stopped, or that has
 * not written down yet who it is) are looked at by one timer for all of them.
 */
export class Watches {
  #names = new Map<string, WatchedName>();
  #timer?: Timer;
  #armedFor = Infinity;
  #closed = false;

  constructor(
    private readonly clock: Clock,
    private readonly peers: Peers,
    private readonly readOwner: (name: string) => OwnerRecord | undefined,
  ) {}

  /**
   * It is ready at once: every outcome of asking the holder (it answers, it is gone, it cannot be reached) is a wake-up.
   */
  watch(name: string, listener: () => void): Watch {
    if (this.#closed) return { ready: READY, close: () => undefined };
    let watched = this.#names.get(name);
    if (!watched) {
      watched = new WatchedName(this.clock, this.peers, () => this.readOwner(name), this.#arm);
      this.#names.set(name, watched);
      watched.look();
    }
    // One function may watch twice, and each watch is closed by itself.
    const ring = () => listener();
    watched.listeners.add(ring);
    const entry = watched;
    return {
      ready: READY,
      close: () => {
        if (!entry.listeners.delete(ring) || entry.listeners.size > 0) return;
        this.#names.delete(name);
        entry.close();
        if (this.#names.size === 0) this.#disarm();
      },
    };
  }

  /** The lock was just found taken: somebody else may have got it since the last wake-up. */
  foundTaken(name: string): void {
    this.#names.get(name)?.foundTaken();
  }

  close(): void {
    this.#closed = true;
    for (const watched of this.#names.values()) watched.close();
    this.#names.clear();
    this.#disarm();
  }

  /** A process that waits has to stay alive, hence a foreground timer. */
  #arm = (due: number): void => {
    if (due >= this.#armedFor) return;
    this.#timer?.cancel();
    this.#armedFor = due;
    this.#timer = this.clock.setTimer(due - this.clock.monotonic(), () => this.#tick());
  };

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Infinity;
  }

  #tick(): void {
    this.#disarm();
    const now = this.clock.monotonic();
    for (const watched of this.#names.values()) {
      if (watched.due <= now) watched.tick();
      // Also for those not due: the timer was armed for one of them only.
      if (watched.due !== Infinity) this.#arm(watched.due);
    }
  }
}
