import type { Claim, Grant, Holder, Loss } from '../driver.js';
import { nextFencingToken } from '../fencing-token.js';
import { MemoryRecordSpaces } from './memory-records.js';

type Revoke = (loss: Loss) => void;

interface MemoryHolder {
  readonly id: string;
  /** Undefined while the lock is kept from everybody after a release. */
  readonly memberId?: string;
  readonly revoke: Revoke;
}

/** Those who share a name, by their ids. */
type MemorySharers = Map<string, MemoryHolder>;

/** Told when it may be its turn. */
export interface MemoryWaiter {
  readonly wake: () => void;
  /** Whether it asks for the shared lock. */
  readonly shared: boolean;
}

const spaces = new Map<string, MemorySpace>();

/** What the memory drivers of one URL share. */
export class MemorySpace {
  readonly records = new MemoryRecordSpaces();
  readonly #holders = new Map<string, MemoryHolder | MemorySharers>();
  /** Who waits for a name, in the order of arrival. */
  readonly #lines = new Map<string, Set<MemoryWaiter>>();
  /** One for all names: each then skips some numbers, and nothing is kept of names that nobody holds. */
  #lastToken = 0;

  static named(name: string): MemorySpace {
    let space = spaces.get(name);
    if (!space) spaces.set(name, (space = new MemorySpace()));
    return space;
  }

  /**
   * True when the name was free, nobody waits for it before `waiter`, and it now belongs to the grant of that id. A waiter that
   * fails is queued.
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
    // After that, so that the next one is not woken in vain.
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
   * The first of so many new tokens.
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

  /** That lease has ended, and the name is kept from all whom it has kept off, until the other id is freed. */
  keep(name: string, ended: string, id: string): void {
    const there = this.#holders.get(name);
    const kept = { id, revoke: () => undefined };
    if (there instanceof Map) {
      there.delete(ended);
      there.set(id, kept);
    } else this.#holders.set(name, kept);
  }

  /** The name is shared from now on by the id that had it alone; false when it has it no more. */
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

  /** Frees the name, if that id has it, and wakes who is first in line; returns how to tell the former holder, if there was one. */
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

  /** Wakes those who may take the name as it is now: the first one, and those behind it as long as all of them share it. */
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

/** Whether nobody waits before the waiter, or only those who share the name with it. */
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
