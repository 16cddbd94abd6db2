import { createHash } from 'node:crypto';
import { type Clock, type Moment, momentOf } from '../../../common/clock.js';
import { cleanError, NodeError } from '../errors/index.js';
import {
  listOf,
  LOOK,
  oddAnswer,
  oneOf,
  positiveNumber,
  SYNC,
  textOf,
  wholeNumber,
} from '../scripts/index.js';

/** How long a record outlives the last client, ms; longer if three of the longest leases are. By then no client has a lease. */
const RECORD_TTL = 86_400_000;

/** The key of every node's record; one per database. The record of a scope has the scope at the end of its key. */
export const NODE_RECORD = 'coordination:node';

/** The key of the set of scopes that the node knows, other than that of all keys. */
const SCOPES = 'coordination:nodes';

/** The share of the time in which a list is known to be recorded that counts: clocks drift. */
const CERTAIN = 0.98;

/** A moment before all others. */
export const NEVER: Moment = { monotonic: -Infinity, wall: -Infinity };

export interface NodeEpochSettings {
  readonly clock: Clock;
  /** The mark of our list of nodes; see {@link listOfNodes}. */
  readonly list: string;
  /** The common beginning of our locks' keys; '' when it is unknown. */
  readonly scope: string;
  /** The longest lease that this client has asked for or may ask for, ms. */
  readonly longestTtl: () => number;
  /** The shortest quarantine of this client, whatever others have told the node, ms. */
  readonly ownTtl: number;
  /** The options declare that the node keeps every write. */
  readonly persistent: boolean;
  /** Whether a node that may have forgotten leases is quarantined. */
  readonly quarantine: boolean;
  /** Called once for each quarantine: it lasts `ms` ms, because of leases of up to `longest` ms. */
  readonly onWait: (ms: number, longest: number) => void;
}

/** A record that was read. */
interface Read {
  readonly text: string;
  readonly run: string;
  /** ms of the node's time. */
  readonly born: number;
  readonly longest: number;
  readonly toSitOut: number;
  readonly made: number;
}

/** Runs a script by EVAL or EVALSHA. */
export type RunScript = (
  how: 'eval' | 'evalsha',
  script: string,
  keys: readonly string[],
  args: readonly string[],
) => Promise<unknown>;

/** The node belongs to another list of nodes, so this driver may grant nothing on it. */
export class OtherListError extends NodeError {
  constructor(message: string) {
    super(message, { answered: true });
  }
}

/**
 * The record that one node keeps about itself: since when it remembers every lease, and which list of nodes it belongs to. The node
 * decides whether it grants a lock. This class only keeps what an acquisition must find in the record, and tells the node what this
 * process knew of the record before.
 */
export class NodeEpoch {
  readonly #settings: NodeEpochSettings;
  readonly key: string;
  #read: Read | undefined;
  /** When the node begins to grant, on our monotonic clock, ms. */
  #from = Infinity;
  /** When the node was born, on our monotonic clock, ms; and its least age when that was read. */
  #bornAt = Infinity;
  #age = 0;
  /** Until when the node cannot belong to another list. It is over when either clock says so: one clock may stop while a machine sleeps. */
  listIsSureUntil: Moment = NEVER;

  constructor(settings: NodeEpochSettings) {
    this.#settings = settings;
    this.key = settings.scope === '' ? NODE_RECORD : `${NODE_RECORD}:${settings.scope}`;
  }

  /** The longest lease that the node knows of, ms. */
  get longest(): number {
    return this.#read?.longest ?? 0;
  }

  /**
   * The record that an acquisition must find; undefined while the node grants nothing, or does not know of a lease as long as ours
   * may be.
   */
  get text(): string | undefined {
    const read = this.#read;
    return this.#from <= 0 && read && read.longest >= this.#settings.longestTtl() ? read.text : undefined;
  }

  /** How long the node still refuses to grant, ms. Asking it earlier tells nothing new. */
  get wait(): number {
    return this.#from === Infinity ? 0 : Math.max(0, this.#from - this.#settings.clock.monotonic());
  }

  /** How long the node is still too young for a lease of `ttl` ms, in ms. */
  waitFor(ttl: number): number {
    if (ttl <= this.#age || !this.#settings.quarantine) return 0;
    return Math.max(0, this.#bornAt + ttl - this.#settings.clock.monotonic());
  }

  /** The node's record has changed. */
  forget(): void {
    this.#from = Infinity;
  }

  /**
   * Checks whether the node belongs to our list, without writing anything to it.
   * @throws OtherListError
   */
  async look(run: RunScript): Promise<void> {
    this.#check(await run('eval', LOOK.text, this.#keys, this.#args('', '1')));
  }

  /**
   * Reads the record, and writes it where something has changed.
   *
   * @returns the node's time, µs
   * @throws OtherListError
   */
  async sync(run: RunScript): Promise<number> {
    const { clock, ownTtl, quarantine, onWait } = this.#settings;
    const { monotonic, wall } = momentOf(clock);
    const reply = this.#check(
      await run('evalsha', SYNC.sha, this.#keys, this.#args('', '')).catch((error: unknown) => {
        if (cleanError(error).kind !== 'no-script') throw error;
        // No client has run the script since the server was started.
        return run('eval', SYNC.text, this.#keys, this.#args('1', ''));
      }),
    );
    const read = readOf(reply[2]);
    const now = reply[1];
    this.#age = now / 1000 - read.born;
    const at = clock.monotonic();
    this.#bornAt = at - this.#age;
    const certain = CERTAIN * read.longest;
    this.listIsSureUntil = { monotonic: monotonic + certain, wall: wall + certain };
    const longest = Math.max(read.toSitOut, ownTtl);
    const wait = quarantine ? longest - this.#age : 0;
    const before = this.#read;
    const news = read.run !== before?.run || read.born !== before.born || read.toSitOut > before.toSitOut;
    this.#read = read;
    this.#from = wait > 0 ? at + wait : 0;
    if (wait > 0 && news) onWait(wait, longest);
    return now;
  }

  get #keys(): readonly string[] {
    return [NODE_RECORD, this.key, SCOPES];
  }

  #args(first: string, look: string): readonly string[] {
    const { list, scope, longestTtl, persistent } = this.#settings;
    const longest = String(Math.ceil(longestTtl()));
    const { run = '', made = 0, longest: known = 0, toSitOut = 0 } = this.#read ?? {};
    // The quarantine of the node may not be over yet.
    const evidence = String(Math.ceil(this.#age < toSitOut ? Math.max(known, toSitOut) : known));
    const kept = persistent ? '1' : '';
    return [list, longest, kept, String(RECORD_TTL), scope, run, String(made), evidence, first, look];
  }

  #check(reply: unknown): readonly [status: number, now: number, text: string] {
    const [first, second, third, scope] = listOf(reply, 3);
    const [status, now, text] = [oneOf(first, 0, 1), positiveNumber(second), textOf(third)];
    if (status === 1) return [status, now, text];
    const { list, scope: ours } = this.#settings;
    this.forget();
    const theirs =
      scope === ours
        ? `give every replica the same nodes, written in the same way, or one redis.nodeList; after a change, stop all replicas for two ttls${ours === '' ? '; another application needs a prefix of its own, or, with redis.lockKey, a database of its own' : ''}`
        : `it is used with the prefix ${JSON.stringify(scope)}, ours is ${JSON.stringify(ours)}, and their locks can be the same where one prefix begins with the other, or where redis.lockKey makes the keys: give each application a prefix of its own, or the same nodes`;
    throw new OtherListError(
      `belongs to another list of nodes (its mark is ${text}, ours is ${list}): ${theirs}`,
    );
  }
}

function readOf(text: string): Read {
  const [run = '', , ...rest] = text.split(' ');
  const [born, longest, toSitOut, made] = rest.map(wholeNumber);
  if (born === undefined || longest === undefined || toSitOut === undefined || made === undefined)
    throw oddAnswer(text);
  return { text, run, born, longest, toSitOut, made };
}

/**
 * A short mark for a list of nodes. Two lists with different marks can have quorums without a common node, so that both grant the same
 * lock. All lists of one node have the same mark.
 *
 * @param name a name for the list, where its nodes are reached under different addresses
 */
export function listOfNodes(names: readonly string[], name = ''): string {
  if (names.length === 1) return '1';
  const text = name === '' ? names.toSorted().join(' ') : `list ${name}`;
  return `${names.length}-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}
