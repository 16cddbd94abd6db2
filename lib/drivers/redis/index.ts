export { RedisDriver } from './redis-driver.js';
export type { RedisDriverSettings, RedisSource } from './settings.js';
export type { Credential, ReadyRedisClient, RedisConnectionOptions } from './public-types.js';
export type { RedisClient } from './clients.js';
