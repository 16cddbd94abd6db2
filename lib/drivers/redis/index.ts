export { RedisDriver } from './redis.driver.js';
export type { RedisDriverSettings } from './connection/index.js';
export type { RedisClient } from './connection/index.js';
