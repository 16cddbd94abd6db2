/** Keeps what was made of the keys that were asked for of late. */
export class Memo<V> {
  readonly #make: (key: string) => V;
  readonly #most: number;
  readonly #made = new Map<string, V>();

  /**
   * @param make always makes the same of the same key; what it throws is not kept
   * @param most how much is kept
   */
  constructor(make: (key: string) => V, most: number) {
    this.#make = make;
    this.#most = most;
  }

  of(key: string): V {
    const kept = this.#made.get(key);
    if (kept !== undefined) return kept;
    const made = this.#make(key);
    // All at once: what is asked for again soon comes back, and nothing has to be known of the others.
    if (this.#made.size >= this.#most) this.#made.clear();
    this.#made.set(key, made);
    return made;
  }
}
