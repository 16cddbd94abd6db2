export { RedisRecords } from './redis-records.js';
