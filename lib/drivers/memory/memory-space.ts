import type { Grant, Loss } from '../driver.js';
import { nextFencingToken } from '../fencing-token.js';

type Revoke = (loss: Loss) => void;

const spaces = new Map<string, MemorySpace>();

/** What the memory drivers of one URL share. */
export class MemorySpace {
  readonly members = new Set<string>();
  readonly #holders = new Map<string, { readonly id: string; readonly revoke: Revoke }>();
  readonly #watchers = new Map<string, Set<() => void>>();
  /** One for all names: each then skips some numbers, and nothing is kept of names that nobody holds. */
  #lastToken = 0;

  static named(name: string): MemorySpace {
    let space = spaces.get(name);
    if (!space) spaces.set(name, (space = new MemorySpace()));
    return space;
  }

  /** True when the name was free and now belongs to the grant of that id. */
  take(name: string, id: string, revoke: Revoke): boolean {
    if (this.#holders.has(name)) return false;
    this.#holders.set(name, { id, revoke });
    return true;
  }

  /** @param wall Unix time, ms */
  nextToken(wall: number): number {
    this.#lastToken = nextFencingToken(this.#lastToken, wall);
    return this.#lastToken;
  }

  holds(grant: Grant): boolean {
    return this.#holders.get(grant.name)?.id === grant.id;
  }

  /** Frees the name and wakes who watches it; returns how to tell the former holder, if there was one. */
  free(name: string): Revoke | undefined {
    const holder = this.#holders.get(name);
    if (!holder) return undefined;
    this.#holders.delete(name);
    for (const wake of this.#watchers.get(name) ?? []) queueMicrotask(wake);
    return holder.revoke;
  }

  watch(name: string, listener: () => void): () => void {
    let watchers = this.#watchers.get(name);
    if (!watchers) this.#watchers.set(name, (watchers = new Set()));
    watchers.add(listener);
    return () => {
      watchers.delete(listener);
      if (watchers.size === 0 && this.#watchers.get(name) === watchers) this.#watchers.delete(name);
    };
  }
}
