/**
 * Caches the values of the keys that were asked for lately.
 *
 * The cache has two halves. When the newer half is full it becomes the older one, and the older one is forgotten. A key that is asked
 * for again moves to the newer half. So the cache keeps no times of single keys.
 */
export class Memo<V> {
  readonly #make: (key: string) => V;
  readonly #half: number;
  #newer = new Map<string, V>();
  #older = new Map<string, V>();

  /**
   * @param make makes the value of a key, always the same one; an error that it throws is not kept
   * @param most how many values are kept
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
