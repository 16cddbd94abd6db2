export { RedisDriver } from './redis.driver.js';
export type { RedisDriverSettings, RedisSource } from './connection/index.js';
export type {
  Credential,
  ReadyRedisClient,
  RedisBackendOptions,
  RedisConnectionOptions,
} from './options/index.js';
export type { RedisClient } from './connection/index.js';
