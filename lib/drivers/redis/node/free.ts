import { isShare } from '../../share-id.js';
import type { NodeError } from '../errors/index.js';
import {
  LEAVE,
  type LockKeys,
  oneOf,
  queueOf,
  RELEASE,
  RELEASE_SHARE,
  ScriptKeys,
} from '../scripts/index.js';
import { Rank } from './exchange.js';
import type { NodeCommands } from './node-commands.js';

/**
 * Frees a lock on one node if that id holds it there, and takes the id out of the lock's queue.
 *
 * @param args the arguments of `RELEASE`
 * @param onDone called once; with the error where that failed
 */
export function free(
  node: Pick<NodeCommands, 'run'>,
  { plain, sharing }: LockKeys,
  key: string,
  args: readonly [id: string, ...rest: string[]],
  onDone: (error?: NodeError) => void,
): void {
  const [id] = args;
  const share = isShare(id);
  node.run(
    share ? RELEASE_SHARE : RELEASE,
    share ? sharing : plain,
    args,
    (reply) => {
      if (oneOf(reply, 0, 1, -1) !== -1) return onDone();
      // Only the lock's key is freed, as its slot moves: the id must still leave the queue.
      node.run(LEAVE, new ScriptKeys([queueOf(key)]), [id], () => onDone(), onDone, Rank.release);
    },
    onDone,
    Rank.release,
  );
}
