import { counterOf, queueOf, waitersOf } from './keys.js';
import { ScriptKeys } from './script.js';

/** Locks whose keys are kept: a lease is given back soon after it was taken, and many are taken again and again. */
const MOST_KEPT = 256;

/** What the scripts of a lock take as their keys. */
export class LockKeys {
  readonly plain: ScriptKeys;
  readonly #counter: string;
  #counting: ScriptKeys | undefined;

  /** @param record where the node's record is */
  constructor(key: string, record: string) {
    this.plain = new ScriptKeys([key, record, queueOf(key), waitersOf(key)]);
    this.#counter = counterOf(key);
  }

  /** With the counter of the fencing tokens. */
  get counting(): ScriptKeys {
    this.#counting ??= new ScriptKeys([...this.plain.names, this.#counter]);
    return this.#counting;
  }
}

/** The keys of the locks that a node was asked for of late. */
export class RecentLockKeys {
  readonly #recordKey: (key: string) => string;
  readonly #kept = new Map<string, LockKeys>();

  constructor(recordKey: (key: string) => string) {
    this.#recordKey = recordKey;
  }

  of(key: string): LockKeys {
    let keys = this.#kept.get(key);
    if (keys) return keys;
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(key, (keys = new LockKeys(key, this.#recordKey(key))));
    return keys;
  }
}
