/** A text, or a sorted set: scores by member. */
export type Value = string | Map<string, number>;

interface Entry {
  readonly value: Value;
  /** The last ms of the node's wall clock at which it is there; Infinity without a ttl. */
  until: number;
}

/** The keys of one node, which end by the node's wall clock, as in Redis. */
export class Keyspace {
  #entries = new Map<string, Entry>();
  /** How often everything was lost. */
  cleared = 0;

  /** @param now whole ms */
  constructor(private readonly now: () => number) {}

  get(key: string): Value | undefined {
    return this.#find(key)?.value;
  }

  /** @param ttl ms */
  set(key: string, value: Value, ttl = Infinity): void {
    this.#entries.set(key, { value, until: this.now() + ttl });
  }

  /** @returns false when there is no such key */
  expire(key: string, ttl: number): boolean {
    const entry = this.#find(key);
    if (entry) entry.until = this.now() + ttl;
    return entry !== undefined;
  }

  delete(key: string): boolean {
    return this.#find(key) !== undefined && this.#entries.delete(key);
  }

  /** In ms; Infinity without one, undefined without the key. */
  ttl(key: string): number | undefined {
    const entry = this.#find(key);
    return entry && entry.until - this.now();
  }

  clear(): void {
    this.#entries = new Map();
    this.cleared += 1;
  }

  keys(): string[] {
    return [...this.#entries.keys()].filter((key) => this.#find(key) !== undefined);
  }

  #find(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (!entry || this.now() <= entry.until) return entry;
    this.#entries.delete(key);
    return undefined;
  }
}
