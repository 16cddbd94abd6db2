import { besideOf, counterOf, queueOf, sharersOf, waitersOf } from './keys.js';
import { ScriptKeys } from './script.js';

/** How many locks' keys are cached: a lease is given back soon after it was taken, and many locks are taken again and again. */
export const MOST_KEPT = 16_384;

/** The keys that the scripts of a lock take. */
export class LockKeys {
  readonly plain: ScriptKeys;
  #counting: ScriptKeys | undefined;
  #sharing: ScriptKeys | undefined;

  /** @param record the key of the node's record */
  constructor(
    private readonly key: string,
    record: string,
  ) {
    const place = besideOf(key);
    this.plain = new ScriptKeys([key, record, queueOf(key, place), waitersOf(key, place)]);
  }

  /** With the set of the lock's shares, and the counter of the fencing tokens. */
  get sharing(): ScriptKeys {
    this.#sharing ??= new ScriptKeys([...this.plain.names, sharersOf(this.key), counterOf(this.key)]);
    return this.#sharing;
  }

  /** With the counter of the fencing tokens. */
  get counting(): ScriptKeys {
    this.#counting ??= new ScriptKeys([...this.plain.names, counterOf(this.key)]);
    return this.#counting;
  }
}
