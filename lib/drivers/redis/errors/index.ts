export type { FailureKind } from './failures.js';
export { cleanError, NodeError, NotAskedError, toldError } from './node-error.js';
export { explain } from './redis.messages.js';
