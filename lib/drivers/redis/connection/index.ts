export { createClient, type RedisClient } from './clients.js';
export type { Connection, ConnectionOwner } from './connection.js';
export type { ClusterPlan, NodePlan, ServerPlan } from './node-plan.js';
export { nodePlans } from './node-plans.js';
export { RECONNECTING } from './reconnecting.js';
export type { RedisDriverSettings, RedisSource } from './redis.settings.js';
export { writeTogether } from './write-together.js';
