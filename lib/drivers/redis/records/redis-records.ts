import { quoted } from '../../../common/quoted.js';
import { BackendUnavailableError } from '../../../errors.js';
import type { DriverContext, NewRecord, RecordStore, StoredRecord, Watch } from '../../driver.js';
import { isNewer } from '../../records.js';
import type { RedisNode } from '../node/index.js';
import type { NodeSet } from '../quorum/index.js';
import {
  INDEX,
  listOf,
  oddAnswer,
  PUT,
  READ,
  recordChannelOf,
  recordIndexOf,
  recordKeyOf,
  REMOVE,
  textOf,
  wholeNumber,
} from '../scripts/index.js';
import { RecordWatches } from './record-watches.js';

/** How many records one command reads. The node does nothing else meanwhile. */
const AT_ONCE = 200;

/** The record as one node has it; undefined when the node has none. */
type Found = StoredRecord | undefined;

/**
 * Records on one or more nodes. A write goes to a majority, and a read asks a majority, where the larger version wins. So a written
 * record is found as long as no majority of the nodes has lost it.
 */
export class RedisRecords implements RecordStore {
  readonly #nodeSet: NodeSet;
  readonly #watches: RecordWatches;

  constructor(nodeSet: NodeSet, commandTimeout: number, context: DriverContext) {
    this.#nodeSet = nodeSet;
    this.#watches = new RecordWatches(nodeSet, commandTimeout, context);
  }

  /** The heartbeat puts a record. Each put also reads the nodes' records and memory settings again. */
  put(record: NewRecord, ttl: number): Promise<StoredRecord> {
    void this.#nodeSet.sync();
    for (const node of this.#nodeSet.nodes) node.lookAtMemory();
    return this.#put(record, ttl);
  }

  async get(space: string, key: string): Promise<StoredRecord | undefined> {
    const where = recordKeyOf(space, key);
    const { quorum } = this.#nodeSet;
    const replies = (await this.#collect(
      `read the record ${quoted(key)}`,
      where,
      async (node) => (await readAll(node, space, [where]))[0],
      (some) => agreeing(some as readonly Found[], newest(some as readonly Found[])) >= quorum,
    )) as readonly Found[];
    const found = newest(replies);
    if (!found || agreeing(replies, found) >= quorum) return found;
    // Write it to a majority once more, so that every read finds it from now on.
    return this.#put(found, found.remaining);
  }

  async remove(space: string, key: string, version: number): Promise<void> {
    const where = recordKeyOf(space, key);
    await this.#collect(`remove the record ${quoted(key)}`, where, (node) => {
      const sharded = node.sharded ? '1' : '';
      const args = [String(version), recordChannelOf(space), sharded];
      return node.evaluate(REMOVE, [where, recordIndexOf(space)], args);
    });
  }

  async list(space: string): Promise<readonly StoredRecord[]> {
    const index = recordIndexOf(space);
    const replies = await this.#collect(`list the records of ${quoted(space)}`, index, async (node) => {
      const keys = listOf(await node.evaluate(INDEX, [index])).map((key) => ownKey(space, textOf(key)));
      const found: Found[] = [];
      for (let from = 0; from < keys.length; from += AT_ONCE)
        found.push(...(await readAll(node, space, keys.slice(from, from + AT_ONCE))));
      return found;
    });
    const byKey = new Map<string, StoredRecord>();
    for (const record of (replies as readonly Found[][]).flat()) {
      if (!record) continue;
      byKey.set(record.key, newest([byKey.get(record.key), record]) as StoredRecord);
    }
    return [...byKey.values()];
  }

  watch(space: string, onChange: () => void): Watch {
    return this.#watches.watch(recordIndexOf(space), recordChannelOf(space), onChange);
  }

  /** The node is down. */
  suspect(node: RedisNode): void {
    this.#watches.suspect(node);
  }

  /** A server of a Cluster is no longer used. */
  forget(node: RedisNode): Promise<void> {
    return this.#watches.forget(node);
  }

  stop(): Promise<void> {
    return this.#watches.stop();
  }

  async #put(record: NewRecord, ttl: number): Promise<StoredRecord> {
    const { space, key, version, value } = record;
    const where = recordKeyOf(space, key);
    const ms = Math.max(1, Math.floor(ttl));
    const { quorum } = this.#nodeSet;
    const isOurs = (found: Found): boolean => found?.version === version && found.value === value;
    const replies = (await this.#collect(
      `store the record ${quoted(key)}`,
      where,
      async (node) => {
        const sharded = node.sharded ? '1' : '';
        const args = [String(version), value, String(ms), recordChannelOf(space), sharded];
        const reply = await node.evaluate(PUT, [where, recordIndexOf(space)], args);
        const [text, pttl, at] = listOf(reply, 3);
        return recordOf(space, where, text, pttl, at);
      },
      (some) => (some as readonly Found[]).filter(isOurs).length >= quorum,
    )) as readonly Found[];
    return newest(replies) as StoredRecord;
  }

  /** As `collect` of the nodes. If only the part of a Cluster with the key fails, the error says that other parts answer. */
  async #collect(
    what: string,
    key: string,
    question: (node: RedisNode) => Promise<unknown>,
    enough?: (replies: readonly unknown[]) => boolean,
  ): Promise<readonly unknown[]> {
    try {
      return await this.#nodeSet.collect(what, key, question, enough);
    } catch (error) {
      const partly = this.#nodeSet.nodes.some((node) => node.up && !node.at(key).up);
      if (!partly || !(error instanceof BackendUnavailableError)) throw error;
      throw new BackendUnavailableError(error.message, { cause: error.cause, partial: true });
    }
  }
}

async function readAll(node: RedisNode, space: string, keys: readonly string[]): Promise<readonly Found[]> {
  const reply = await node.evaluate(READ, keys);
  const found = listOf(reply, 2 * keys.length + 1);
  const at = found.at(-1);
  return keys.map((key, index) => {
    const text = found[2 * index];
    return text === '' ? undefined : recordOf(space, key, text, found[2 * index + 1], at);
  });
}

function recordOf(space: string, where: string, text: unknown, pttl: unknown, at: unknown): StoredRecord {
  const [, version, value] = /^(\d+) ([^]*)$/.exec(textOf(text)) ?? [];
  if (version === undefined || value === undefined) throw oddAnswer(text);
  const key = where.slice(recordKeyOf(space, '').length);
  return {
    space,
    key,
    version: wholeNumber(version),
    value,
    remaining: Math.max(0, wholeNumber(pttl)),
    at: wholeNumber(at),
  };
}

/** The largest version. Several values of one version come from writers that should be one: always picks the same of them. */
function newest(replies: readonly Found[]): Found {
  let best: Found;
  for (const found of replies) {
    if (!found) continue;
    const ties = best !== undefined && found.version === best.version && found.value !== best.value;
    if (!best || (ties ? found.value > best.value : isNewer(found, best))) best = found;
  }
  return best;
}

/** How many nodes have exactly that record. */
function agreeing(replies: readonly Found[], wanted: Found): number {
  return replies.filter((found) => found?.version === wanted?.version && found?.value === wanted?.value)
    .length;
}

/** Removes the client's key prefix: the client does not take it off an answer, and would add it once more. */
function ownKey(space: string, key: string): string {
  return key.slice(Math.max(0, key.indexOf(recordKeyOf(space, ''))));
}
