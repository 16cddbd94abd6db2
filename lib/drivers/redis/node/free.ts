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
 * Frees a lock on one node if it has that id there, and takes the id out of the lock's queue.
 *
 * @param args what `RELEASE` takes
 * @param onDone told once; of the error where that failed
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
      // Done for the key alone, while its slot moves.
      node.run(LEAVE, new ScriptKeys([queueOf(key)]), [id], () => onDone(), onDone, Rank.release);
    },
    onDone,
    Rank.release,
  );
}
