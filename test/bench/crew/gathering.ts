import { setTimeout as after } from 'node:timers/promises';
import type { Handle, Locks } from '../locks/index.js';
import { monotonicNow } from '../monotonic.js';
import { within } from '../within.js';
import type { Crew } from './crew.js';
import type { Member } from './member.js';
import type { Usage } from './terms.js';

/** How long serving so many of them may take, ms. */
export function servingLimit(waiters: number): number {
  return Math.max(40_000, 8 * waiters);
}

/** For the waiters to have found their places, ms. */
const SETTLING = 500;
/** How long each of them keeps the lock, ms. */
const HOLD = 1;

/** How a gathering was served. */
export interface Service {
  readonly leases: number;
  /** Who got the lock, %. */
  readonly served: number;
  /** Time per lease, ms. */
  readonly each: number;
  /** CPU of a process meanwhile, % of a core. */
  readonly serving: number;
}

/** Very many waiters in several processes for a lock that this process holds until they are all there. */
export class Gathering {
  readonly #key: string;
  readonly #handle: Handle;
  #waiters = 0;

  /** @param locks of this process, of that kind */
  constructor(
    private readonly crew: Crew,
    private readonly processes: number,
    private readonly kind: string,
    locks: Locks,
  ) {
    this.#key = `crowd-${kind}`;
    this.#handle = locks.lock(this.#key);
  }

  /**
   * Has so many callers of each process wait, looks on for so many ms, and tells how much CPU a process of them needs, % of
   * a core.
   */
  async gather(waiters: number, look: number): Promise<number> {
    const { kind } = this;
    this.#waiters = waiters;
    await this.#handle.acquire();
    const members = await this.crew.members(this.processes);
    const terms = { kind, key: this.#key, waiters, hold: HOLD };
    await Promise.all(members.map((member) => member.ask('gather', terms)));
    await after(Math.min(SETTLING, 2 * look));
    const before = await usages(members);
    await after(look);
    return meanShare(before, await usages(members));
  }

  /** Frees the lock, and waits until all have had it, or have given up. */
  async serve(): Promise<Service> {
    const members = await this.crew.members(this.processes);
    const before = await usages(members);
    const since = monotonicNow();
    await this.#handle.release();
    const limit = servingLimit(this.#waiters * members.length);
    const all = await within(limit, Promise.all(members.map((member) => member.ask('served'))));
    const serving = meanShare(before, await usages(members));
    const count = all.reduce((sum, { served }) => sum + served, 0);
    const took = Math.max(...all.map(({ last }) => last)) - since;
    // This process had one, too.
    const leases = count + 1;
    const served = (100 * count) / (members.length * this.#waiters);
    return { leases, served, each: took / leases, serving };
  }
}

function usages(members: readonly Member[]): Promise<Usage[]> {
  return Promise.all(members.map((member) => member.ask('usage')));
}

/** Of a core, of one process, %. */
function meanShare(before: readonly Usage[], after: readonly Usage[]): number {
  const shares = after.map(({ at, cpu }, index) => {
    const { at: since, cpu: used } = before[index] ?? { at: 0, cpu: 0 };
    return (100 * (cpu - used)) / (at - since);
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
