import type { RedisNode } from '../node/index.js';
import {
  listOf,
  oneOf,
  positiveNumber,
  queueOf,
  REFRESH,
  ScriptKeys,
  sharersOf,
  textOf,
  waitersOf,
  wholeNumber,
} from '../scripts/index.js';
import type { NodeQueue, QueueEntry } from './node-queue.js';

/** How many locks and waiters one command looks at; the node does nothing else meanwhile. */
const MOST_LOCKS = 50;
const MOST_WAITERS = 500;

/** A queue, and those of its waiters that are looked at. */
export interface Look {
  readonly line: NodeQueue;
  readonly waiters: readonly QueueEntry[];
}

/** What a node says of one lock. */
export interface LockSeen {
  /** The holder's id, or ''. */
  readonly holder: string;
  /** How long the key lasts, ms; negative where there is none, or where it does not end. */
  readonly pttl: number;
  /** Those of the ids that are not in the queue. */
  readonly missing: readonly string[];
}

/** The process that looks, and for how long it may be believed to be alive, ms. */
export interface Looker {
  readonly process: string;
  readonly alive: number;
}

const NOT_SEEN: LockSeen = { holder: '', pttl: 0, missing: [] };

/**
 * Tells a node that this process is alive, and asks it for locks and their waiters. The node's record is read again when it has
 * changed.
 *
 * @param onSeen gets what the node says of each lock, before what it answers to the next command. While the slot of the lock is on
 * its way (`moving`) a free lock is granted to no waiter, as its queue may be at another server.
 * @returns resolves when the node has answered or failed; never rejects
 */
export function lookAt(
  node: RedisNode,
  looks: readonly Look[],
  { process, alive }: Looker,
  onSeen: (look: Look, seen: LockSeen, moving: boolean) => void,
): Promise<void> {
  const first = looks[0]?.line.key ?? '';
  const keys = [node.recordKey(first)];
  const args = [process, String(alive), node.epoch, node.turnChannel(first)];
  for (const { line, waiters } of looks) {
    keys.push(line.key, queueOf(line.key), waitersOf(line.key), sharersOf(line.key));
    args.push(String(waiters.length));
    for (const { id } of waiters) args.push(id);
  }
  return new Promise((resolve) => {
    const sync = (): void => node.sync(resolve, () => resolve());
    if (node.admission === 'sync') return sync();
    node.run(
      REFRESH,
      new ScriptKeys(keys),
      args,
      (reply, sentAt) => {
        const [status, now, ...answers] = listOf(reply, 2);
        const kind = oneOf(status, 1, 3, 4);
        const changed = kind === 3;
        const moving = kind === 4;
        const locks = changed ? [] : answers.map(seenOf);
        if (!moving) node.observe(positiveNumber(now), sentAt);
        if (changed) {
          node.record?.forget();
          return sync();
        }
        for (const [at, look] of looks.entries()) onSeen(look, locks[at] ?? NOT_SEEN, moving);
        resolve();
      },
      // The queue of a node that does not answer is suspected when the node goes down.
      () => resolve(),
    );
  });
}

function seenOf(reply: unknown): LockSeen {
  const [holder, pttl, ...missing] = listOf(reply, 2);
  return { holder: textOf(holder), pttl: wholeNumber(pttl), missing: missing.map(textOf) };
}

/**
 * Those to look at, for each command: the first waiters of each queue. A queue all of whose waiters try for the lock needs no look.
 * @param alone each lock needs a command of its own, as on a Cluster
 */
export function looksFor(queues: readonly NodeQueue[], alone: boolean): Look[][] {
  const mostLocks = alone ? 1 : MOST_LOCKS;
  const chunks: Look[][] = [];
  let room = 0;
  for (const line of queues) {
    const waiters = line.first();
    if (waiters.length === 0) continue;
    const chunk = chunks.at(-1);
    room -= waiters.length;
    if (chunk && chunk.length < mostLocks && room >= 0) chunk.push({ line, waiters });
    else {
      chunks.push([{ line, waiters }]);
      room = MOST_WAITERS - waiters.length;
    }
  }
  return chunks;
}
