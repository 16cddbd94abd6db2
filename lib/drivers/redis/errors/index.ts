export type { FailureKind } from './failures.js';
export { cleanError, NodeError, toldError } from './node-error.js';
export { explain } from './redis.messages.js';
