import { quoted } from '../../common/quoted.js';
import type { Holder } from '../driver.js';
import type { RedisClient } from './connection/index.js';
import type { RedisNode } from './node/index.js';
import type { NodeSet } from './quorum/index.js';
import { BROKEN, HOLDER, holderOf, listOf, OUR_LOCKS, textOf } from './scripts/index.js';

/** How many keys of a node one command looks at; the node does nothing else meanwhile. */
const AT_ONCE = 500;

/** Tells the holders of locks. */
export class LockHolders {
  readonly #nodeSet: NodeSet;

  constructor(nodeSet: NodeSet) {
    this.#nodeSet = nodeSet;
  }

  /** The holders that have the lock on at least one node. */
  async of(name: string, key: string): Promise<readonly Holder[]> {
    const { nodes, quorum } = this.#nodeSet;
    const replies = await this.#nodeSet.collect(
      `tell who holds ${quoted(name)}`,
      key,
      async (node) => holderOf(await node.evaluate(HOLDER, [key])),
      (some) => Math.max(...countsOf(some).values(), 0) >= quorum,
    );
    const silent = nodes.length - replies.length;
    return Array.from(countsOf(replies), ([id, count]) => {
      const holds = count >= quorum ? 'yes' : count + silent >= quorum ? 'unknown' : 'no';
      return { name, key, id, holds };
    });
  }

  /** Only locks whose keys are ours: which of the keys are locks that an application makes itself is unknown. */
  async list(): Promise<readonly Holder[]> {
    const { quorum, nodes } = this.#nodeSet;
    const counts = new Map<string, Map<string, number>>();
    const scans = await this.#nodeSet.collect('list the locks', '', async (_node, elected) => {
      const found = new Map<string, string>();
      for (const server of elected.servers) await scan(server, found);
      return found;
    });
    for (const found of scans as Map<string, string>[])
      for (const [key, id] of found) {
        const ids = counts.get(key) ?? new Map<string, number>();
        counts.set(key, ids.set(id, (ids.get(id) ?? 0) + 1));
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

/** How many nodes have said which id. */
function countsOf(replies: readonly unknown[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const id of replies)
    if (typeof id === 'string' && id !== BROKEN) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** Finds all keys of locks at one server, with the ids of their holders. */
async function scan(server: RedisNode, found: Map<string, string>): Promise<void> {
  let cursor = '0';
  do {
    const at = cursor;
    const [next, keys] = listOf(await server.send((client) => scanOnce(client, at)), 2);
    for (const each of listOf(keys)) {
      const key = textOf(each);
      const id = holderOf(await server.evaluate(HOLDER, [key]));
      if (id !== null && id !== BROKEN) found.set(key, id);
    }
    cursor = textOf(next);
  } while (cursor !== '0');
}

/** A client that puts a prefix before each key does not do so for the pattern, nor does it take the prefix off the answer. */
async function scanOnce(client: RedisClient, cursor: string): Promise<unknown> {
  const prefix = client.options.keyPrefix ?? '';
  const pattern = `${prefix.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)}${OUR_LOCKS}*`;
  const [next, keys] = await client
    .call('scan', cursor, 'MATCH', pattern, 'COUNT', String(AT_ONCE))
    .then((reply) => listOf(reply, 2));
  return [next, listOf(keys).map((key) => textOf(key).slice(prefix.length))];
}
