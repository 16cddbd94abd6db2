export { RedisWaiter, type RedisWaiterContext } from './redis-waiter.js';
export { WaiterQueue } from './waiter-queue.js';
