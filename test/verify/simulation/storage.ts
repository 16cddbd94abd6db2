import type { Invocation, Storage } from '../checker/index.js';
import { Actor } from './world.js';

export interface StorageRequest {
  readonly lock: string;
  readonly storage: Storage;
  readonly kind: Invocation['kind'];
  readonly value?: number;
  readonly token?: number;
}

export interface StorageReply {
  readonly accepted: boolean;
  readonly value: number;
}

interface Register {
  value: number;
  floor: number;
}

/** What the locks protect: a register for each lock that refuses late tokens, and one that takes everything. */
export class SimulatedStorage extends Actor {
  readonly thinks = false;
  readonly #registers = new Map<string, Register>();

  apply({ lock, storage, kind, value, token }: StorageRequest): StorageReply {
    const register = this.#registerOf(lock, storage);
    // At first contact, read or write: a token that is checked on writes only still loses updates.
    if (token !== undefined) {
      if (token < register.floor) return { accepted: false, value: register.value };
      register.floor = token;
    }
    if (kind === 'write') register.value = value ?? 0;
    return { accepted: true, value: register.value };
  }

  read(lock: string, storage: Storage): number {
    return this.#registerOf(lock, storage).value;
  }

  #registerOf(lock: string, storage: Storage): Register {
    const key = `${storage} ${lock}`;
    let register = this.#registers.get(key);
    if (!register) this.#registers.set(key, (register = { value: 0, floor: -Infinity }));
    return register;
  }
}
