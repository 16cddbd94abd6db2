export {
  AcquireCall,
  type AcquireResult,
  type AcquireTerms,
  type LeaseHandle,
  throwIfCancelled,
} from './acquire-call.js';
export { AcquireLoop, type AcquireLoopHost } from './acquire-loop.js';
export { Drain } from './drain.js';
export { GrantHandOff, type HandedOnGrant } from './grant-hand-off.js';
export { LocalQueue } from './local-queue.js';
export { WaitLimit } from './wait-limit.js';
export { LocalQueues } from './local-queues.js';
