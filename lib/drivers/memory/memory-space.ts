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

/** Told when it may be its turn. */
export interface MemoryWaiter {
  readonly wake: () => void;
}

const spaces = new Map<string, MemorySpace>();

/** What the memory drivers of one URL share. */
export class MemorySpace {
  readonly records = new MemoryRecordSpaces();
  readonly #holders = new Map<string, MemoryHolder>();
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
  take({ name, memberId, onRevoked }: Claim, id: string, waiter?: MemoryWaiter): boolean {
    const line = this.#lines.get(name);
    const first = firstOf(line);
    if (this.#holders.has(name) || (first !== undefined && first !== waiter)) {
      if (waiter) this.#join(name, line, waiter);
      return false;
    }
    this.#holders.set(name, { id, memberId, revoke: onRevoked });
    // After that, so that the next one is not woken in vain.
    if (waiter) this.leave(name, waiter);
    return true;
  }

  leave(name: string, waiter: MemoryWaiter): void {
    const line = this.#lines.get(name);
    const wasFirst = firstOf(line) === waiter;
    if (!line?.delete(waiter)) return;
    if (line.size === 0) this.#lines.delete(name);
    else if (wasFirst && !this.#holders.has(name)) this.#wakeFirst(name);
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
    return this.#holders.get(grant.name)?.id === grant.id;
  }

  /** Nobody gets the name until it is freed. */
  keep(name: string, id: string): void {
    this.#holders.set(name, { id, revoke: () => undefined });
  }

  holderOf(name: string): Holder | undefined {
    const holder = this.#holders.get(name);
    if (holder?.memberId === undefined) return undefined;
    return { name, key: name, id: holder.id, memberId: holder.memberId, holds: 'yes' };
  }

  /** The names that are not free. */
  get names(): string[] {
    return [...this.#holders.keys()];
  }

  /** Frees the name, if that id has it, and wakes who is first in line; returns how to tell the former holder, if there was one. */
  free(name: string, id: string): Revoke | undefined {
    const holder = this.#holders.get(name);
    if (holder?.id !== id) return undefined;
    this.#holders.delete(name);
    this.#wakeFirst(name);
    return holder.revoke;
  }

  #join(name: string, line: Set<MemoryWaiter> | undefined, waiter: MemoryWaiter): void {
    if (line) line.add(waiter);
    else this.#lines.set(name, new Set([waiter]));
  }

  #wakeFirst(name: string): void {
    const first = firstOf(this.#lines.get(name));
    if (first) queueMicrotask(first.wake);
  }
}

function firstOf(line: Set<MemoryWaiter> | undefined): MemoryWaiter | undefined {
  return line?.values().next().value;
}
