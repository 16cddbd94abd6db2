import { isShare } from '../share-id.js';
import { quoted } from '../../common/quoted.js';
import type { Holder } from '../driver.js';
import type { RedisClient } from './connection/index.js';
import type { RedisNode } from './node/index.js';
import type { NodeSet } from './quorum/index.js';
import { BROKEN, HOLDERS, listOf, OUR_LOCKS, sharersOf, textOf } from './scripts/index.js';

/** How many keys of a node one command looks at. The node does nothing else meanwhile. */
const AT_ONCE = 500;

/** Finds the holders of locks. */
export class LockHolders {
  readonly #nodeSet: NodeSet;

  constructor(nodeSet: NodeSet) {
    this.#nodeSet = nodeSet;
  }

  /** The holders that have the lock on at least one node. */
  async of(name: string, key: string): Promise<readonly Holder[]> {
    const { nodes, quorum } = this.#nodeSet;
    const replies = await this.#nodeSet.collect(
      `tell the holder of ${quoted(name)}`,
      key,
      (node) => holdersAt(node, key),
      (some) => isWhole(some, quorum),
    );
    const silent = nodes.length - replies.length;
    return Array.from(countsOf(replies), ([id, count]) => {
      const holds = count >= quorum ? 'yes' : count + silent >= quorum ? 'unknown' : 'no';
      return { name, key, id, holds };
    });
  }

  /** Lists only locks with our own keys. Where an application makes the keys, it is unknown which keys are locks. */
  async list(): Promise<readonly Holder[]> {
    const { quorum, nodes } = this.#nodeSet;
    const counts = new Map<string, Map<string, number>>();
    const scans = await this.#nodeSet.collect('list the locks', '', async (_node, elected) => {
      const found = new Map<string, readonly string[]>();
      for (const server of elected.servers) await scan(server, found);
      return found;
    });
    for (const found of scans as Map<string, readonly string[]>[])
      for (const [key, here] of found) {
        const ids = counts.get(key) ?? new Map<string, number>();
        for (const id of here) ids.set(id, (ids.get(id) ?? 0) + 1);
        counts.set(key, ids);
      }
    const silent = nodes.length - scans.length;
    return [...counts].flatMap(([key, ids]) =>
      [...ids]
        .filter(([, count]) => count + silent >= quorum)
        .map(([id, count]): Holder => {
          const name = key.slice(OUR_LOCKS.length);
          return { name, key, id, holds: count >= quorum ? 'yes' : 'unknown' };
        }),
    );
  }
}

/** The ids that one server has for a key. */
export async function holdersAt(server: RedisNode, key: string): Promise<readonly string[]> {
  const ids = listOf(await server.evaluate(HOLDERS, [key, sharersOf(key)])).map(textOf);
  return ids.filter((id) => !id.startsWith(BROKEN));
}

/** Whether enough nodes agree on one holder that the other nodes cannot know of another. */
function isWhole(replies: readonly unknown[], quorum: number): boolean {
  const first = (replies as (readonly string[])[]).find((ids) => ids.length === 1)?.[0];
  return first !== undefined && !isShare(first) && (countsOf(replies).get(first) ?? 0) >= quorum;
}

/** How many nodes have reported each id. */
function countsOf(replies: readonly unknown[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const ids of replies as (readonly string[])[])
    for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** Finds all keys of locks at one server, with the ids of their holders. */
async function scan(server: RedisNode, found: Map<string, readonly string[]>): Promise<void> {
  let cursor = '0';
  do {
    const at = cursor;
    const [next, keys] = listOf(await server.send((client) => scanOnce(client, at)), 2);
    for (const each of listOf(keys)) {
      const key = textOf(each);
      const ids = await holdersAt(server, key);
      if (ids.length > 0) found.set(key, ids);
    }
    cursor = textOf(next);
  } while (cursor !== '0');
}

/** A client with a key prefix neither adds it to the pattern nor takes it off the answer. So this function does both. */
async function scanOnce(client: RedisClient, cursor: string): Promise<unknown> {
  const prefix = client.options.keyPrefix ?? '';
  const pattern = `${prefix.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)}${OUR_LOCKS}*`;
  const [next, keys] = await client
    .call('scan', cursor, 'MATCH', pattern, 'COUNT', String(AT_ONCE))
    .then((reply) => listOf(reply, 2));
  return [next, listOf(keys).map((key) => textOf(key).slice(prefix.length))];
}
