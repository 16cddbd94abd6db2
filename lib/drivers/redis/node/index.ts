export { ClusterNode } from './cluster-node.js';
export { giveBack, releaseArgs } from './give-back.js';
export { DRIFT, PRECISION } from './node-clock.js';
export { listOfNodes, NEVER, NODE_RECORD, NodeEpoch, OtherListError } from './node-epoch.js';
export { preflight } from './script-preflight.js';
export { NodeSubscriber } from './node-subscriber.js';
export { Exchange, Rank } from './exchange.js';
export { RedisNode, type RedisNodeSettings } from './redis-node.js';
export type { VotingNode } from './voting-node.js';
