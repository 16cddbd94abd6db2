import type { Grant, Loss } from '../driver.js';
import { nextFencingToken } from '../fencing-token.js';

type Revoke = (loss: Loss) => void;

/** Told when it may be its turn. */
export interface MemoryWaiter {
  readonly wake: () => void;
}

const spaces = new Map<string, MemorySpace>();

/** What the memory drivers of one URL share. */
export class MemorySpace {
  readonly members = new Set<string>();
  readonly #holders = new Map<string, { readonly id: string; readonly revoke: Revoke }>();
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
  take(name: string, id: string, revoke: Revoke, waiter?: MemoryWaiter): boolean {
    const line = this.#lines.get(name);
    const first = firstOf(line);
    if (this.#holders.has(name) || (first !== undefined && first !== waiter)) {
      if (waiter) this.#join(name, line, waiter);
      return false;
    }
    this.#holders.set(name, { id, revoke });
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

  holds(grant: Grant): boolean {
    return this.#holders.get(grant.name)?.id === grant.id;
  }

  /** Frees the name and wakes who is first in line; returns how to tell the former holder, if there was one. */
  free(name: string): Revoke | undefined {
    const holder = this.#holders.get(name);
    if (!holder) return undefined;
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
