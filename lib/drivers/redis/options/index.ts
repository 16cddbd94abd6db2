export { NODE_KEYS, nodeOptionsOf, type RedisNodeOptions } from './node-options.js';
export {
  type ClusterNodeUrl,
  formatHost,
  type HostAndPort,
  nodeName,
  parseRedisUrls,
  REDIS_SCHEMES,
  type RedisNodeUrl,
  type SentinelNodeUrl,
  type SingleNodeUrl,
} from './redis-url.js';
export { clientsOf, REDIS_OPTIONS, redisProblems } from './redis.options.js';
export type {
  Credential,
  ReadyRedisClient,
  RedisBackendOptions,
  RedisConnectionOptions,
} from './redis.public-types.js';
