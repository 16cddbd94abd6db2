/**
 * Keeps what was made of the keys that were asked for of late.
 *
 * In two halves: when the newer one is full it becomes the older one, and what was in that is forgotten. What is asked for again
 * meanwhile goes over into the newer one. So nothing has to be known of the single keys.
 */
export class Memo<V> {
  readonly #make: (key: string) => V;
  readonly #half: number;
  #newer = new Map<string, V>();
  #older = new Map<string, V>();

  /**
   * @param make always makes the same of the same key; what it throws is not kept
   * @param most how much is kept
   */
  constructor(make: (key: string) => V, most: number) {
    this.#make = make;
    this.#half = Math.ceil(most / 2);
  }

  of(key: string): V {
    const kept = this.#newer.get(key);
    if (kept !== undefined) return kept;
    const made = this.#older.get(key) ?? this.#make(key);
    if (this.#newer.size >= this.#half) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(key, made);
    return made;
  }
}
