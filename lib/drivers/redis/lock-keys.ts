import { counterOf, queueOf, waitersOf } from './keys.js';
import { ScriptKeys } from './script.js';

/** Locks whose keys are kept: a lease is given back soon after it was taken, and many are taken again and again. */
export const MOST_KEPT = 16_384;

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
