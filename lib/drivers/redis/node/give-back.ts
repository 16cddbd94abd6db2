import { free } from './free.js';
import type { RedisNode } from './redis-node.js';

/** Takes an id out of the queue of a node, and frees the lock there if that id holds it: now, or as soon as possible. Never rejects. */
export function giveBack(node: RedisNode, key: string, id: string): Promise<void> {
  return new Promise((resolve) => {
    free(node, node.lockKeys.of(key), key, releaseArgs(node, key, id), (error) => {
      if (error && !error.final) node.releaseLater(key, id);
      resolve();
    });
  });
}

/** The arguments of {@link RELEASE}. */
export function releaseArgs(node: RedisNode, key: string, id: string): [id: string, ...rest: string[]] {
  return node.sharded ? [id, node.epoch, node.turnChannel(key)] : [id, node.epoch];
}
