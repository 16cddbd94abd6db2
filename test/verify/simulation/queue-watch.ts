import { queueOf, sharersOf } from '../../../lib/drivers/redis/scripts/keys.js';
import { BROKEN, SHARED } from '../../../lib/drivers/redis/scripts/index.js';
import { processOf } from '../../../lib/drivers/redis/scripts/holder-id.js';
import type { QueueEvent } from '../checker/index.js';
import type { Journal } from './journal.js';
import type { SimulatedNode } from './redis/simulated-node.js';

/** A lock and its queue on one node, after a command. */
interface Sight {
  readonly holder: string | undefined;
  /** Of those who wait, in their order. */
  readonly ids: readonly string[];
  /** Of those who share the lock. */
  readonly sharers: readonly string[];
}

/** What the command itself says of ids: only then is it not the node's choice. */
export interface Said {
  /** Leaves the queue. */
  readonly leaves?: string;
  /** Whose lock somebody takes over under another id. */
  readonly before?: string;
  /** A holder that gets a node more, and never waited there. */
  readonly completed?: string;
  /** A sign of life, which lasts for so many ms. */
  readonly alive?: { readonly process: string; readonly ms: number };
}

/** Looks at the queues of the nodes after every command, and writes down what has happened to those in it. */
export class QueueWatch {
  readonly #last = new Map<string, Sight>();
  /** Until when each process may be believed to wait, ms of the node's time; by queue and process. */
  readonly #alive = new Map<string, number>();
  /** Ids are random; a history is the same each time. */
  readonly #names = new Map<string, string>();

  constructor(private readonly journal: Journal) {}

  look(node: SimulatedNode, key: string, { leaves, before = '', completed, alive }: Said): void {
    const lock = key.replace('coordination:lock:', '');
    const queue = `${node.name}/${node.keyspace.cleared}/${lock}`;
    const last = this.#last.get(queue) ?? { holder: undefined, ids: [], sharers: [] };
    const { holder, ids, sharers } = see(node, key);
    this.#last.set(queue, { holder, ids, sharers });
    const note = (id: string, what: QueueEvent['what']): void => {
      this.journal.add({ type: 'queue', at: node.now, lock, queue, waiter: this.#nameOf(id), what });
    };
    const wall = node.time.wall(node.now);
    const until = (process: string): number => this.#alive.get(`${queue} ${process}`) ?? 0;
    for (const id of last.ids) {
      if (ids.includes(id)) continue;
      if (id === holder || sharers.includes(id)) note(id, 'granted');
      else if (id === leaves) note(id, 'left');
      // Gone for no good reason it counts as waiting.
      else if (until(processOf(id)) < wall) note(id, 'passed over');
    }
    const known =
      holder === undefined ||
      holder === BROKEN ||
      holder === SHARED ||
      holder === completed ||
      holder === last.holder ||
      last.ids.includes(holder);
    if (!known && last.holder !== before) note(holder, 'granted');
    for (const id of ids) if (!last.ids.includes(id)) note(id, 'joined');
    if (alive) this.#alive.set(`${queue} ${alive.process}`, Math.floor(wall) + alive.ms);
  }

  #nameOf(id: string): string {
    let name = this.#names.get(id);
    if (name === undefined) this.#names.set(id, (name = this.journal.name('waiter')));
    return name;
  }
}

function see({ keyspace }: SimulatedNode, key: string): Sight {
  const holder = keyspace.get(key);
  const queue = keyspace.get(queueOf(key));
  const entries = typeof queue === 'object' ? [...queue] : [];
  const shares = keyspace.get(sharersOf(key));
  return {
    holder: typeof holder === 'string' ? holder : undefined,
    sharers: typeof shares === 'object' ? [...shares.keys()] : [],
    ids: entries.toSorted(([, a], [, b]) => a - b).map(([id]) => id),
  };
}
