import { besideOf, counterOf, queueOf, sharersOf, waitersOf } from './keys.js';
import { ScriptKeys } from './script.js';

/** Locks whose keys are kept: a lease is given back soon after it was taken, and many are taken again and again. */
export const MOST_KEPT = 16_384;

/** What the scripts of a lock take as their keys. */
export class LockKeys {
  readonly plain: ScriptKeys;
  #counting: ScriptKeys | undefined;
  #sharing: ScriptKeys | undefined;

  /** @param record where the node's record is */
  constructor(
    private readonly key: string,
    record: string,
  ) {
    const place = besideOf(key);
    this.plain = new ScriptKeys([key, record, queueOf(key, place), waitersOf(key, place)]);
  }

  /** With those that share the lock, and the counter of the fencing tokens. */
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
