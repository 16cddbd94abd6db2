export type { RedisClient } from './clients.js';
export type { Connection, ConnectionOwner } from './connection.js';
export { NODE_KEYS, nodeOptionsOf } from './node-options.js';
export type { ClusterPlan, NodePlan, ServerPlan } from './node-plan.js';
export { nodePlans } from './node-plans.js';
export { RECONNECTING } from './reconnecting.js';
export { formatHost, type HostAndPort, parseRedisUrls, REDIS_SCHEMES } from './redis-url.js';
export type {
  Credential,
  ReadyRedisClient,
  RedisBackendOptions,
  RedisConnectionOptions,
} from './redis.public-types.js';
export type { RedisDriverSettings, RedisSource } from './redis.settings.js';
export { writeTogether } from './write-together.js';
