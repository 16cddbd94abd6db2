/** How many of the last holds of one kind count. */
const KEPT = 32;
/** With fewer holds, no time is called usual. */
const ENOUGH = 5;
/** How many kinds are kept in mind. */
const KINDS = 1000;

export interface Usual {
  /** ms */
  readonly median: number;
  /** Nine of ten holds were shorter, ms. */
  readonly most: number;
}

/** How long locks of each kind are usually held, by the last holds of this process. */
export class UsualHolds {
  readonly #kinds = new Map<string, number[]>();

  add(lock: string, ms: number): void {
    const kind = kindOf(lock);
    const holds = this.#kinds.get(kind) ?? [];
    // The kind that was used last stands last.
    this.#kinds.delete(kind);
    this.#kinds.set(kind, holds);
    if (holds.push(ms) > KEPT) holds.shift();
    if (this.#kinds.size <= KINDS) return;
    const [oldest] = this.#kinds.keys();
    if (oldest !== undefined) this.#kinds.delete(oldest);
  }

  of(lock: string): Usual | undefined {
    const holds = this.#kinds.get(kindOf(lock));
    if (!holds || holds.length < ENOUGH) return undefined;
    const sorted = holds.toSorted((one, other) => one - other);
    const at = (part: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
    return { median: at(0.5), most: at(0.9) };
  }
}

/** Locks whose names differ in ids alone are of one kind: `extend-7` and `extend-12`. */
function kindOf(lock: string): string {
  return lock.replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+/gi, '#');
}
