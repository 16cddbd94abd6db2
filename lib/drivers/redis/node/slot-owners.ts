import { hashTagOf, slotOf, SLOTS } from '../scripts/index.js';
import type { SlotRange } from './cluster-map.js';
import type { RedisNode } from './redis-node.js';

/** How many keys are tried to find one in a slot of a certain server. */
const MOST_KEYS = 500;

/** Which server of a Cluster has which slot, as far as known. */
export class SlotOwners {
  /** By slot. */
  #owners: RedisNode[] = [];

  /** @param keyPrefix the prefix that the client adds to each key */
  constructor(private readonly keyPrefix: string) {}

  get servers(): ReadonlySet<RedisNode> {
    return new Set(this.#owners.filter((server) => server !== undefined));
  }

  /** Whether each slot has a server that is up. */
  get complete(): boolean {
    for (let slot = 0; slot < SLOTS; slot += 1) if (this.#owners[slot]?.up !== true) return false;
    return true;
  }

  /** The server that has the slot of this key. */
  at(key: string): RedisNode | undefined {
    return this.#owners[slotOf(hashTagOf(this.keyPrefix + key))];
  }

  /**
   * A key in one of the server's slots. Undefined where no lock's key gets there, or hardly one: a `lockKey` may put all keys into one slot.
   * @param makeKey gives another key for each number
   */
  keyAt(server: RedisNode, makeKey: (number: number) => string | undefined): string | undefined {
    for (let number = 0; number < MOST_KEYS; number += 1) {
      const key = makeKey(number);
      if (key === undefined) return undefined;
      if (this.at(key) === server) return key;
    }
    return undefined;
  }

  /** One slot has moved. */
  learn(slot: number, server: RedisNode): void {
    this.#owners[slot] = server;
  }

  /** All slots were read anew. */
  replace(ranges: readonly SlotRange[], serverAt: (address: SlotRange['master']) => RedisNode): void {
    const owners: RedisNode[] = [];
    for (const { from, to, master } of ranges) {
      const server = serverAt(master);
      for (let slot = from; slot <= to; slot += 1) owners[slot] = server;
    }
    this.#owners = owners;
  }
}
