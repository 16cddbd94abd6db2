export { examineRedis } from './examine-redis.js';
