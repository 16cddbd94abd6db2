export { Heartbeat } from './heartbeat.js';
export type { Renewal } from './renewal-batches.js';
