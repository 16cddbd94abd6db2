import type { Claim, Grant, Holder, Loss } from '../driver.js';
import { nextFencingToken } from '../fencing-token.js';
import { MemoryRecordSpaces } from './memory-records.js';

type Revoke = (loss: Loss) => void;

interface MemoryHolder {
  readonly id: string;
  /** Undefined while the lock stays blocked for all after a release. */
  readonly memberId?: string;
  readonly revoke: Revoke;
}

/** The holders who share a name, by their ids. */
type MemorySharers = Map<string, MemoryHolder>;

/** A waiter; the space calls `wake` when it may be its turn. */
export interface MemoryWaiter {
  readonly wake: () => void;
  /** Whether it asks for the shared lock. */
  readonly shared: boolean;
}

const spaces = new Map<string, MemorySpace>();

/** What the memory drivers with one URL share. */
export class MemorySpace {
  readonly records = new MemoryRecordSpaces();
  readonly #holders = new Map<string, MemoryHolder | MemorySharers>();
  /** The waiters of each name, in the order of arrival. */
  readonly #lines = new Map<string, Set<MemoryWaiter>>();
  /** One counter for all names: each name skips some numbers, and nothing has to be kept for names without a holder. */
  #lastToken = 0;

  static named(name: string): MemorySpace {
    let space = spaces.get(name);
    if (!space) spaces.set(name, (space = new MemorySpace()));
    return space;
  }

  /**
   * Takes the name for the grant of that id. Returns false when the name is taken, or another waiter is ahead of `waiter`. A waiter
   * that fails is queued.
   */
  take({ name, memberId, onRevoked, mode }: Claim, id: string, waiter?: MemoryWaiter): boolean {
    const line = this.#lines.get(name);
    const there = this.#holders.get(name);
    const shared = mode === 'shared';
    if ((there && !(shared && there instanceof Map)) || !isTurn(line, waiter)) {
      if (waiter) this.#join(name, line, waiter);
      return false;
    }
    const holder = { id, memberId, revoke: onRevoked };
    if (shared) this.#share(name, holder, there);
    else this.#holders.set(name, holder);
    // Leave only now: the next waiter is then not woken in vain.
    if (waiter) this.leave(name, waiter);
    return true;
  }

  leave(name: string, waiter: MemoryWaiter): void {
    const line = this.#lines.get(name);
    const wasFirst = firstOf(line) === waiter;
    if (!line?.delete(waiter)) return;
    if (line.size === 0) this.#lines.delete(name);
    else if (wasFirst || this.#holders.get(name) instanceof Map) this.#wakeNext(name);
  }

  /**
   * Reserves `count` new tokens, and returns the first one.
   * @param wall Unix time, ms
   */
  nextToken(wall: number, count: number): number {
    const token = nextFencingToken(this.#lastToken, wall);
    this.#lastToken = token + count - 1;
    return token;
  }

  holds(grant: Pick<Grant, 'name' | 'id'>): boolean {
    return this.#find(grant.name, grant.id) !== undefined;
  }

  /** Ends a lease, and blocks the name for all that this lease kept out, until the other id is freed. */
  keep(name: string, ended: string, id: string): void {
    const there = this.#holders.get(name);
    const kept = { id, revoke: () => undefined };
    if (there instanceof Map) {
      there.delete(ended);
      there.set(id, kept);
    } else this.#holders.set(name, kept);
  }

  /** Turns the exclusive lease of that id into a shared one; false when the id no longer holds the name. */
  downgrade(name: string, id: string): boolean {
    const holder = this.#find(name, id);
    if (!holder) return false;
    if (this.#holders.get(name) === holder) this.#share(name, holder);
    this.#wakeNext(name);
    return true;
  }

  holdersOf(name: string): Holder[] {
    const there = this.#holders.get(name);
    const holders = there instanceof Map ? [...there.values()] : there ? [there] : [];
    return holders.flatMap(({ id, memberId }) =>
      memberId === undefined ? [] : { name, key: name, id, memberId, holds: 'yes' },
    );
  }

  /** The names that are not free. */
  get names(): string[] {
    return [...this.#holders.keys()];
  }

  /** Frees the name, if that id holds it, and wakes the first waiter. Returns the former holder's `revoke`, if there was a holder. */
  free(name: string, id: string): Revoke | undefined {
    const holder = this.#find(name, id);
    if (!holder) return undefined;
    const there = this.#holders.get(name);
    if (there instanceof Map) there.delete(id);
    if (there === holder || (there instanceof Map && there.size === 0)) {
      this.#holders.delete(name);
      this.#wakeNext(name);
    }
    return holder.revoke;
  }

  #find(name: string, id: string): MemoryHolder | undefined {
    const there = this.#holders.get(name);
    if (there instanceof Map) return there.get(id);
    return there?.id === id ? there : undefined;
  }

  #share(name: string, holder: MemoryHolder, there?: MemoryHolder | MemorySharers): void {
    if (there instanceof Map) there.set(holder.id, holder);
    else this.#holders.set(name, new Map([[holder.id, holder]]));
  }

  #join(name: string, line: Set<MemoryWaiter> | undefined, waiter: MemoryWaiter): void {
    if (line) line.add(waiter);
    else this.#lines.set(name, new Set([waiter]));
  }

  /** Wakes the waiters that may take the name now: the first one, and the shared ones directly behind it if it is shared too. */
  #wakeNext(name: string): void {
    const there = this.#holders.get(name);
    if (there && !(there instanceof Map)) return;
    const first = firstOf(this.#lines.get(name));
    if (!first) return;
    if (!first.shared) {
      if (!there) queueMicrotask(first.wake);
      return;
    }
    for (const waiter of this.#lines.get(name) ?? []) {
      if (!waiter.shared) return;
      queueMicrotask(waiter.wake);
    }
  }
}

/** Whether no waiter is ahead of this one, or only waiters that share the name with it. */
function isTurn(line: Set<MemoryWaiter> | undefined, waiter: MemoryWaiter | undefined): boolean {
  const first = firstOf(line);
  if (first === undefined || first === waiter) return true;
  if (!waiter?.shared || !line) return false;
  for (const each of line) {
    if (each === waiter) return true;
    if (!each.shared) return false;
  }
  return true;
}

function firstOf(line: Set<MemoryWaiter> | undefined): MemoryWaiter | undefined {
  return line?.values().next().value;
}
