import { isShare } from '../../share-id.js';
import type { NodeError } from '../errors/index.js';
import {
  LEAVE,
  type LockKeys,
  oneOf,
  queueOf,
  RELEASE,
  RELEASE_SHARE,
  type Script,
  ScriptKeys,
} from '../scripts/index.js';
import { Rank } from './exchange.js';
import type { OnReply } from './node-commands.js';
import { UNKNOWN_EPOCH } from './node-trust.js';

/** What a node is asked for here. */
interface ScriptRunner {
  run(
    script: Script,
    keys: ScriptKeys,
    args: readonly string[],
    onReply: OnReply,
    onError: (error: NodeError) => void,
    rank: Rank,
  ): void;
}

/**
 * Frees a lease that a node may hold although we gave it up.
 * @param onDone told once; of the error where that failed
 */
export function freeOrphan(
  node: ScriptRunner,
  { plain, sharing }: LockKeys,
  key: string,
  id: string,
  onDone: (error?: NodeError) => void,
): void {
  const share = isShare(id);
  // It does not grant the lock to the next waiter, who is granted it by the next command that knows the node's epoch.
  node.run(
    share ? RELEASE_SHARE : RELEASE,
    share ? sharing : plain,
    [id, UNKNOWN_EPOCH],
    (reply) => {
      if (oneOf(reply, 0, 1, -1) !== -1) return onDone();
      // Done for the key alone, while its slot moves.
      node.run(LEAVE, new ScriptKeys([queueOf(key)]), [id], () => onDone(), onDone, Rank.release);
    },
    onDone,
    Rank.release,
  );
}
