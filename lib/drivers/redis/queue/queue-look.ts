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

/** How many locks and waiters one command looks at. The node does nothing else meanwhile. */
const MOST_LOCKS = 50;
const MOST_WAITERS = 500;

/** A queue, and the waiters in it that the look covers. */
export interface Look {
  readonly line: NodeQueue;
  readonly waiters: readonly QueueEntry[];
}

/** A node's answer about one lock. */
export interface LockSeen {
  /** The holder's id, or ''. */
  readonly holder: string;
  /** The ttl of the key, ms; negative where there is no key, or it has no ttl. */
  readonly pttl: number;
  /** The ids that are not in the queue. */
  readonly missing: readonly string[];
}

/** The process that looks, and how long the nodes may believe that it is alive, ms. */
export interface Looker {
  readonly process: string;
  readonly alive: number;
}

const NOT_SEEN: LockSeen = { holder: '', pttl: 0, missing: [] };

/**
 * Tells a node that this process is alive, and asks it for locks and their waiters. If the node's record has changed, it is read again.
 *
 * @param onSeen gets the node's answer about each lock, before its answer to the next command. While the slot of the lock is moving
 * (`moving`), a free lock is granted to no waiter, as its queue may be at another server.
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
  const { epoch } = node;
  const args = [process, String(alive), epoch, node.turnChannel(first)];
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
          node.refused(epoch);
          return sync();
        }
        for (const [at, look] of looks.entries()) onSeen(look, locks[at] ?? NOT_SEEN, moving);
        resolve();
      },
      // If the node does not answer, it goes down, and its queue is suspected then.
      () => resolve(),
    );
  });
}

function seenOf(reply: unknown): LockSeen {
  const [holder, pttl, ...missing] = listOf(reply, 2);
  return { holder: textOf(holder), pttl: wholeNumber(pttl), missing: missing.map(textOf) };
}

/**
 * What to look at, for each command: the first waiters of each queue. A queue needs no look when all its waiters are trying for the lock.
 * @param alone true where each lock needs a command of its own, as on a Cluster
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
