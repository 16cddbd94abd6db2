import { quoted } from '../../../common/quoted.js';
import { BackendUnavailableError } from '../../../errors.js';
import type { DriverContext, NewRecord, RecordStore, StoredRecord, Watch } from '../../driver.js';
import type { RedisNode } from '../node/index.js';
import type { NodeSet } from '../quorum/index.js';
import {
  INDEX,
  listOf,
  MARK,
  PUT,
  READ,
  recordChannelOf,
  recordIndexOf,
  recordKeyOf,
  REMOVE,
  removedKeyOf,
  textOf,
} from '../scripts/index.js';
import {
  agreeing,
  type Found,
  type Kept,
  keptOf,
  nameIn,
  newest,
  ownKey,
  recordIn,
  recordOrMark,
} from './kept.js';
import { RecordWatches } from './record-watches.js';

/** How many records one command reads. The node does nothing else meanwhile. */
const AT_ONCE = 200;

/** How much longer than its record a mark lasts, ms: a node that was late may keep the record for longer. */
const MARK_SLACK = 10_000;

/**
 * Records on one or more nodes. A write goes to a majority, and a read asks a majority, where the larger version wins. So a written
 * record is found as long as no majority of the nodes has lost it. A removal is a write of a mark: that a node has no record says nothing,
 * as it may have lost it.
 */
export class RedisRecords implements RecordStore {
  readonly #nodeSet: NodeSet;
  readonly #watches: RecordWatches;

  constructor(nodeSet: NodeSet, commandTimeout: number, context: DriverContext) {
    this.#nodeSet = nodeSet;
    this.#watches = new RecordWatches(nodeSet, commandTimeout, context);
  }

  /** The heartbeat puts a record. Each put also reads the nodes' records and memory settings again. */
  async put(record: NewRecord, ttl: number): Promise<StoredRecord> {
    void this.#nodeSet.sync();
    for (const node of this.#nodeSet.nodes) node.lookAtMemory();
    return recordOrMark(await this.#put(record, ttl));
  }

  async get(space: string, key: string): Promise<StoredRecord | undefined> {
    const where = recordKeyOf(space, key);
    const { quorum } = this.#nodeSet;
    const replies = (await this.#collect(
      `read the record ${quoted(key)}`,
      where,
      async (node) => (await this.#readAll(node, space, [where]))[0],
      (some) => agreeing(some as readonly Found[], newest(some as readonly Found[])) >= quorum,
    )) as readonly Found[];
    const found = newest(replies);
    if (!found || agreeing(replies, found) >= quorum) return recordIn(found);
    // Write it to a majority once more, so that every read finds it from now on.
    if (!found.removed) return recordIn(await this.#put(found, found.remaining));
    await this.#mark(found, found.remaining);
    return undefined;
  }

  async remove(space: string, key: string, version: number): Promise<void> {
    const where = recordKeyOf(space, key);
    const what = `remove the record ${quoted(key)}`;
    if (!this.#marks) {
      await this.#collect(what, where, (node) => {
        const args = [String(version), recordChannelOf(space), node.sharded ? '1' : ''];
        return node.evaluate(REMOVE, [where, recordIndexOf(space)], args);
      });
      return;
    }
    const question = async (node: RedisNode) => (await this.#readAll(node, space, [where]))[0];
    const replies = (await this.#collect(what, where, question)) as readonly Found[];
    const found = newest(replies);
    if (!found || found.version > version) return;
    if (found.removed && agreeing(replies, found) >= this.#nodeSet.quorum) return;
    const longest = Math.max(...replies.map((each) => each?.remaining ?? 0));
    await this.#mark(found, found.removed ? longest : longest + MARK_SLACK);
  }

  async list(space: string): Promise<readonly StoredRecord[]> {
    const index = recordIndexOf(space);
    const replies = await this.#collect(`list the records of ${quoted(space)}`, index, async (node) => {
      const keys = listOf(await node.evaluate(INDEX, [index])).map((key) => ownKey(space, textOf(key)));
      const found: Found[] = [];
      for (let from = 0; from < keys.length; from += AT_ONCE)
        found.push(...(await this.#readAll(node, space, keys.slice(from, from + AT_ONCE))));
      return found;
    });
    const byKey = new Map<string, Kept>();
    for (const record of (replies as readonly Found[][]).flat()) {
      if (!record) continue;
      byKey.set(record.key, newest([byKey.get(record.key), record]) as Kept);
    }
    return [...byKey.values()].flatMap((found) => recordIn(found) ?? []);
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

  /** Whether removed records leave marks. One node alone cannot disagree with another one. */
  get #marks(): boolean {
    return this.#nodeSet.nodes.length > 1;
  }

  /** Removes a record, and leaves a mark for so many ms. */
  async #mark({ space, key, version }: StoredRecord, ttl: number): Promise<void> {
    const where = recordKeyOf(space, key);
    const keys = [where, recordIndexOf(space), removedKeyOf(space, key)];
    const ms = String(Math.max(1, Math.floor(ttl)));
    await this.#collect(`remove the record ${quoted(key)}`, where, (node) => {
      const args = [String(version), recordChannelOf(space), node.sharded ? '1' : '', ms];
      return node.evaluate(MARK, keys, args);
    });
  }

  /** @returns the record that is there afterwards, or the mark */
  async #put(record: NewRecord, ttl: number): Promise<Kept> {
    const { space, key, version, value } = record;
    const where = recordKeyOf(space, key);
    const ms = Math.max(1, Math.floor(ttl));
    const { quorum } = this.#nodeSet;
    const keys = [where, recordIndexOf(space), ...(this.#marks ? [removedKeyOf(space, key)] : [])];
    const isOurs = (found: Found): boolean =>
      found?.version === version && found.value === value && !found.removed;
    const replies = (await this.#collect(
      `store the record ${quoted(key)}`,
      where,
      async (node) => {
        const sharded = node.sharded ? '1' : '';
        const args = [String(version), value, String(ms), recordChannelOf(space), sharded];
        const [text, pttl, at] = listOf(await node.evaluate(PUT, keys, args), 3);
        return keptOf(space, where, text, pttl, at);
      },
      (some) => (some as readonly Found[]).filter(isOurs).length >= quorum,
    )) as readonly Found[];
    return newest(replies) as Kept;
  }

  async #readAll(node: RedisNode, space: string, keys: readonly string[]): Promise<readonly Found[]> {
    const names = this.#marks ? keys.flatMap((key) => [key, removedKeyOf(space, nameIn(space, key))]) : keys;
    const reply = await node.evaluate(READ, names, [this.#marks ? '2' : '1']);
    const found = listOf(reply, 2 * keys.length + 1);
    const at = found.at(-1);
    return keys.map((key, index) => {
      const text = found[2 * index];
      return text === '' ? undefined : keptOf(space, key, text, found[2 * index + 1], at);
    });
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
