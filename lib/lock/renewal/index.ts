export type { Companion } from './presence.js';
export { MEMBERS } from './presence.js';
export { Heartbeat } from './heartbeat.js';
export type { Renewal } from './renewal-batches.js';
