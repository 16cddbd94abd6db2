import type { Clock, Timer } from '../../../common/clock.js';
import type { OwnerRecord } from '../kernel/index.js';
import type { Peers } from '../peers/index.js';

/** Between locking the file and writing down who did it lie some µs, so the first looks come soon. */
const LOOKS = [2, 8, 32, 128];
/** The net below everything else, ms. */
const NET = 250;

/**
 * The holder of a lock that is waited for, as far as it is known.
 *
 *     loose ──look──▶ asking ──held──▶ told
 *       ▲               │ gone           │ gone
 *       └───────────────┴────────────────┘  and it rings
 *
 * `loose`: nobody to ask; `asking`: asked, no answer yet; `told`: the holder will tell when it frees the lock. In the
 * first two states it also rings every 250 ms (the holder is stopped, or has not written down yet who it is); the third
 * costs nothing.
 */
export class HolderWatch {
  #phase: 'loose' | 'asking' | 'told' | 'closed' = 'loose';
  #asked?: string;
  /** A grant that is over; as long as the file still names it, there is nobody to ask. */
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

  /** The lock was found taken: somebody else may have got it since it rang. */
  foundTaken(): void {
    if (this.#phase === 'loose') this.#look();
  }

  close(): void {
    this.#phase = 'closed';
    this.#timer?.cancel();
    this.#leave?.();
  }

  /** Looks into the file who holds the lock, and asks that holder; false if the file names nobody new. */
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

  /** A process that waits has to stay alive, hence a foreground timer. */
  #lookIn(ms: number): void {
    this.#timer?.cancel();
    this.#timer = this.clock.setTimer(ms, () => {
      if (!this.#look()) this.ring();
    });
  }
}
