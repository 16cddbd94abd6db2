import type { Clock } from '../../../common/clock.js';
import type { Busy } from '../quorum/index.js';
import type { RedisClient } from '../connection/index.js';
import { NodeError } from '../errors/index.js';
import { Rank, type RedisNode, type VotingNode } from '../node/index.js';
import {
  callScript,
  JOIN,
  listOf,
  oneOf,
  positiveNumber,
  sendScript,
  textOf,
  wholeNumber,
} from '../scripts/index.js';
import type { QueueEntry } from './node-queue.js';

/** How many waiters one command puts into the queue. The node does nothing else meanwhile. */
const MOST_AT_ONCE = 250;

/** A waiter that enters the queue, and the promise of its `join`. */
interface Comer {
  readonly id: string;
  readonly resolve: (busy: Busy) => void;
  readonly reject: (error: NodeError) => void;
}

/** Puts the waiters that come in one turn of the event loop into their queues together, with one command for each lock. */
export class Joining {
  readonly #nodes: readonly VotingNode[];
  readonly #clock: Clock;
  readonly #alive: () => number;
  /** The waiters that came in this turn, by the number of the node and by the lock's key. */
  readonly #comers: Map<string, Comer[]>[] = [];

  /** @param alive how long the nodes may believe that a waiter waits, ms */
  constructor(nodes: readonly VotingNode[], clock: Clock, alive: () => number) {
    this.#nodes = nodes;
    this.#clock = clock;
    this.#alive = alive;
  }

  /**
   * Resolves to the holder of the lock at that time, which may be the waiter itself.
   * @throws NodeError
   */
  join({ id, key, node }: QueueEntry): Promise<Busy> {
    return new Promise((resolve, reject) => {
      const locks = (this.#comers[node] ??= new Map());
      let comers = locks.get(key);
      if (!comers) {
        locks.set(key, (comers = []));
        void Promise.resolve().then(() => this.#flush(node, key));
      }
      comers.push({ id, resolve, reject });
    });
  }

  #flush(index: number, key: string): void {
    const comers = this.#comers[index]?.get(key) ?? [];
    this.#comers[index]?.delete(key);
    const node = this.#nodes[index]!.at(key);
    for (let at = 0; at < comers.length; at += MOST_AT_ONCE)
      this.#send(node, key, comers.slice(at, at + MOST_AT_ONCE));
  }

  /** @param again true for the second try: the node's record or its time was not as expected at the first one */
  #send(node: RedisNode, key: string, comers: readonly Comer[], again = false): void {
    const fail = (error: NodeError): void => {
      for (const { reject } of comers) reject(error);
    };
    let epoch = '';
    /** @param counts false when the first command was sent while the record was not known */
    const sync = (reason: string, counts = true): void => {
      if (again && counts) return fail(new NodeError(reason, { answered: true }));
      node.sync(() => this.#send(node, key, comers, again || counts), fail);
    };
    const onReply = (reply: unknown, sentAt: number): void => {
      const [first, now, pttl, holder] = listOf(reply, 2);
      const status = oneOf(first, 1, 2, 3);
      const answer = status === 1 ? { holder: textOf(holder ?? ''), pttl: wholeNumber(pttl) } : undefined;
      node.observe(positiveNumber(now), sentAt);
      if (status === 2) return sync('got the command too late');
      if (status === 3) return sync('its record keeps changing', node.refused(epoch));
      if (answer) for (const { resolve } of comers) resolve(answer);
    };
    const { admission } = node;
    if (admission === 'sync') return sync('its record keeps changing');
    if (admission) return fail(admission);
    const command = (how: typeof callScript) => (client: RedisClient) => {
      const last = String(node.notAfter(this.#clock.monotonic()));
      epoch = node.epoch;
      const args = [last, epoch, String(this.#alive()), node.turnChannel(key)];
      for (const { id } of comers) args.push(id);
      return how(client, JOIN, node.lockKeys.of(key).plain, args);
    };
    const whole = (error: NodeError): void => {
      if (error.kind !== 'no-script') return fail(error);
      node.call(command(sendScript), onReply, fail, Rank.acquisition);
    };
    node.call(command(callScript), onReply, whole, Rank.acquisition);
  }
}
