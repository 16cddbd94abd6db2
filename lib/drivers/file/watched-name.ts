import type { Clock } from '../../common/clock.js';
import type { OwnerRecord } from './owner-record.js';
import type { Peers } from './peers.js';

/** Between locking the file and writing down who did it lie some µs, so the first looks come soon. */
const LOOKS = [2, 8, 32, 128];
/** The net below everything else, ms. */
const NET = 250;

/**
 * One name that is waited for, and its holder as far as it is known.
 *
 *     loose ──look──▶ asking ──held──▶ told
 *       ▲               │ gone           │ gone
 *       └───────────────┴────────────────┘  and the listeners ring
 *
 * `loose`: nobody to ask; `asking`: asked, no answer yet; `told`: the holder will tell when it frees the lock. In the
 * first two states the listeners also ring every 250 ms.
 */
export class WatchedName {
  readonly listeners = new Set<() => void>();
  /** When the timer has to come by again, in monotonic ms. */
  due = Infinity;

  #phase: 'loose' | 'asking' | 'told' | 'closed' = 'loose';
  #asked?: string;
  /** A grant that is over; as long as the file still names it, there is nobody to ask. */
  #over?: string;
  #looks = 0;
  #leave?: () => void;

  constructor(
    private readonly clock: Clock,
    private readonly peers: Peers,
    private readonly readOwner: () => OwnerRecord | undefined,
    private readonly arm: (due: number) => void,
  ) {}

  /** Looks into the file who holds the lock, and asks that holder; false if the file names nobody new. */
  look(): boolean {
    const owner = this.readOwner();
    if (!owner || owner.grantId === this.#over || owner.grantId === this.#asked) {
      this.#dueIn(this.#phase === 'asking' ? NET : (LOOKS[this.#looks++] ?? NET));
      return false;
    }
    this.#leave?.();
    this.#phase = 'asking';
    this.#asked = owner.grantId;
    this.#dueIn(NET);
    this.#leave = this.peers.watch(owner.socket, owner.grantId, {
      held: () => this.#told(owner.grantId),
      gone: () => this.#gone(owner.grantId),
    });
    return true;
  }

  foundTaken(): void {
    if (this.#phase === 'loose') this.look();
  }

  tick(): void {
    if (this.#phase === 'told' || this.#phase === 'closed') this.due = Infinity;
    else if (!this.look()) this.#ring();
  }

  close(): void {
    this.#phase = 'closed';
    this.due = Infinity;
    this.#leave?.();
  }

  #told(grantId: string): void {
    if (this.#phase !== 'asking' || this.#asked !== grantId) return;
    this.#phase = 'told';
    this.#looks = 0;
    this.due = Infinity;
  }

  #gone(grantId: string): void {
    if (this.#phase === 'closed' || this.#asked !== grantId) return;
    this.#phase = 'loose';
    this.#over = grantId;
    this.#asked = undefined;
    this.#leave = undefined;
    this.#looks = 0;
    this.#dueIn(LOOKS[this.#looks++] ?? NET);
    this.#ring();
  }

  #ring(): void {
    // A copy: a listener may watch again.
    Array.from(this.listeners).forEach((listener) => listener());
  }

  #dueIn(ms: number): void {
    this.due = this.clock.monotonic() + ms;
    this.arm(this.due);
  }
}
