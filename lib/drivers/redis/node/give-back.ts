import { isShare } from '../../share-id.js';
import { LEAVE, oneOf, queueOf, RELEASE, RELEASE_SHARE, ScriptKeys } from '../scripts/index.js';
import { Rank } from './exchange.js';
import type { RedisNode } from './redis-node.js';

/** Takes an id out of the queue of a node, and frees the lock there if it has it; never rejects. */
export function giveBack(node: RedisNode, key: string, id: string): Promise<void> {
  return new Promise((resolve) => {
    const share = isShare(id);
    const { plain, sharing } = node.lockKeys.of(key);
    node.run(
      share ? RELEASE_SHARE : RELEASE,
      share ? sharing : plain,
      releaseArgs(node, key, id),
      (reply) => {
        if (oneOf(reply, 0, 1, -1) !== -1) return resolve();
        node.run(
          LEAVE,
          new ScriptKeys([queueOf(key)]),
          [id],
          () => resolve(),
          () => resolve(),
          Rank.release,
        );
      },
      (error) => {
        if (!error.final) node.releaseLater(key, id);
        resolve();
      },
      Rank.release,
    );
  });
}

/** What {@link RELEASE} takes as its arguments. */
export function releaseArgs(node: RedisNode, key: string, id: string): string[] {
  return node.sharded ? [id, node.epoch, node.turnChannel(key)] : [id, node.epoch];
}
