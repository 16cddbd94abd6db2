import { createHash } from 'node:crypto';
import type { Clock } from '../../common/clock.js';
import { NodeError } from './node-error.js';
import { ENROL } from './scripts.js';

/**
 * How long the record outlives the last client, ms, or three of the longest leases. Then its server counts as new, which
 * costs no wait by then.
 */
const RECORD_TTL = 86_400_000;

/** Where every node keeps its record; one per database. */
export const NODE_RECORD = 'coordination:node';

export interface NodeRecordSettings {
  readonly clock: Clock;
  /** Stands for our list of nodes; see {@link listOfNodes}. */
  readonly list: string;
  /** The longest lease that this client has asked for or may ask for, ms. */
  readonly longestTtl: () => number;
  /** Told of the longest lease that anybody has told the node of, ms. */
  readonly onLongest: (ms: number) => void;
  /** The node has been declared to keep every write over a restart. */
  readonly persistent: boolean;
  /** Told once for each time that it has to wait, ms, for leases of up to `longest` ms. */
  readonly onWait: (ms: number, longest: number) => void;
}

/**
 * What one node says about itself: since when it remembers every lease, and which list of nodes it belongs to. The
 * node decides whether it grants anything; this only keeps what an acquisition must find there.
 */
export class NodeRecord {
  readonly #settings: NodeRecordSettings;
  #text = '';
  /** From when the node grants, on our monotonic clock, ms. */
  #from = Infinity;
  /** The longest lease that the node knows of, ms. */
  #told = 0;

  constructor(settings: NodeRecordSettings) {
    this.#settings = settings;
  }

  /**
   * What an acquisition must find; undefined as long as the node grants nothing, or does not know of a lease as long
   * as ours may be.
   */
  get text(): string | undefined {
    return this.#from <= 0 && this.#told >= this.#settings.longestTtl() ? this.#text : undefined;
  }

  /** How long the node still refuses to grant, ms; asking it again earlier tells nothing new. */
  get wait(): number {
    return this.#from === Infinity ? 0 : Math.max(0, this.#from - this.#settings.clock.monotonic());
  }

  /** The node's record is not what it was. */
  forget(): void {
    this.#from = Infinity;
  }

  /**
   * Reads the record, and writes it where something has changed.
   *
   * @param run runs the ENROL script with these keys and arguments
   * @returns the node's time, µs
   * @throws NodeError when the node belongs to another list of nodes
   */
  async enrol(
    run: (script: typeof ENROL, keys: string[], args: string[]) => Promise<unknown>,
  ): Promise<number> {
    const { clock, list, longestTtl, persistent, onLongest, onWait } = this.#settings;
    const args = [list, String(Math.ceil(longestTtl())), persistent ? '1' : '', String(RECORD_TTL)];
    const reply = (await run(ENROL, [NODE_RECORD], args)) as [unknown, unknown, string, unknown];
    const [status, now, text, wait] = [Number(reply[0]), Number(reply[1]), reply[2], Number(reply[3])];
    if (status === 0) {
      this.forget();
      throw new NodeError(
        `belongs to another list of nodes (its mark is ${text}, ours is ${list}): give every replica the same nodes, written in the same way, or one nodeList; after a change, stop all replicas for two ttls`,
        { answered: true },
      );
    }
    this.#told = Number(text.split(' ').at(-1));
    onLongest(this.#told);
    const news = text !== this.#text;
    this.#text = text;
    this.#from = wait > 0 ? clock.monotonic() + wait : 0;
    if (wait > 0 && news) onWait(wait, this.#told);
    return now;
  }
}

/**
 * A short mark for a list of nodes. Two lists with different marks can have quorums without a common node, so that
 * both grant the same lock; any two lists of this one node agree.
 *
 * @param name names the list where its nodes are reached under different addresses
 */
export function listOfNodes(names: readonly string[], name = ''): string {
  if (names.length === 1) return '1';
  const text = name === '' ? names.toSorted().join(' ') : `list ${name}`;
  return `${names.length}-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}
