import type { ClusterNode } from './cluster-node.js';
import type { RedisNode } from './redis-node.js';

/** A node with one vote. */
export type VotingNode = RedisNode | ClusterNode;
