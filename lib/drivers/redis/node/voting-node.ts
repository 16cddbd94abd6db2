import type { ClusterNode } from './cluster-node.js';
import type { RedisNode } from './redis-node.js';

/** What has one vote. */
export type VotingNode = RedisNode | ClusterNode;
