export { PostgresQueue } from './postgres-queue.js';
