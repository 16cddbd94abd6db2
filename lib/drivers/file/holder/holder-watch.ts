import type { Clock, Timer } from '../../../common/clock.js';
import type { OwnerRecord } from '../kernel/index.js';
import type { Peers } from '../peers/index.js';

/** Some µs pass between locking the file and writing the record, so the first looks come soon. ms. */
const LOOKS = [2, 8, 32, 128];
/** How often it looks in any case until the holder has answered, ms. */
const NET = 250;

/**
 * Watches the holder of a lock that a waiter wants, as far as the holder is known.
 *
 *     loose ──look──▶ asking ──held──▶ told
 *       ▲               │ gone           │ gone
 *       └───────────────┴────────────────┘  and it rings
 *
 * `loose`: no holder to ask. `asking`: the holder was asked and has not answered. `told`: the holder has answered, and will report
 * when it frees the lock. In the first two states it also rings every 250 ms (the holder is stopped, or has not written its record
 * yet). The third state costs nothing.
 */
export class HolderWatch {
  #phase: 'loose' | 'asking' | 'told' | 'closed' = 'loose';
  #asked?: string;
  /** A grant that is over. As long as the file still names it, there is no holder to ask. */
  #over?: string;
  #looks = 0;
  #leave?: () => void;
  #timer?: Timer;

  constructor(
    private readonly clock: Clock,
    private readonly peers: Pick<Peers, 'watch'>,
    private readonly readOwner: () => Pick<OwnerRecord, 'grantId' | 'socket'> | undefined,
    private readonly ring: () => void,
  ) {
    this.#look();
  }

  /** The waiter found the lock taken: another holder may have got it since the ring. */
  foundTaken(): void {
    if (this.#phase === 'loose') this.#look();
  }

  close(): void {
    this.#phase = 'closed';
    this.#timer?.cancel();
    this.#leave?.();
  }

  /** Reads from the file which holder has the lock, and asks that holder; false if the file names no new holder. */
  #look(): boolean {
    const owner = this.readOwner();
    if (!owner || owner.grantId === this.#over || owner.grantId === this.#asked) {
      this.#lookIn(this.#phase === 'asking' ? NET : (LOOKS[this.#looks++] ?? NET));
      return false;
    }
    this.#leave?.();
    this.#phase = 'asking';
    this.#asked = owner.grantId;
    this.#lookIn(NET);
    this.#leave = this.peers.watch(owner.socket, owner.grantId, {
      held: () => this.#told(owner.grantId),
      gone: () => this.#gone(owner.grantId),
    });
    return true;
  }

  #told(grantId: string): void {
    if (this.#phase !== 'asking' || this.#asked !== grantId) return;
    this.#phase = 'told';
    this.#looks = 0;
    this.#timer?.cancel();
  }

  #gone(grantId: string): void {
    if (this.#phase === 'closed' || this.#asked !== grantId) return;
    this.#phase = 'loose';
    this.#over = grantId;
    this.#asked = undefined;
    this.#leave = undefined;
    this.#looks = 0;
    this.#lookIn(LOOKS[this.#looks++] ?? NET);
    this.ring();
  }

  /** A foreground timer: a process that waits has to stay alive. */
  #lookIn(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.clock.setTimer(ms, () => {
      if (!this.#look()) this.ring();
    });
  }
}
