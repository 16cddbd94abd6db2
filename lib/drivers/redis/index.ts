export { RedisDriver } from './redis.driver.js';
export type { RedisDriverSettings, RedisSource } from './redis.settings.js';
export type {
  Credential,
  ReadyRedisClient,
  RedisBackendOptions,
  RedisConnectionOptions,
} from './redis.public-types.js';
export type { RedisClient } from './connection/clients.js';
