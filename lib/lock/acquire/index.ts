export {
  AcquireCall,
  type AcquireResult,
  type AcquireTerms,
  LeaseGrant,
  type LeaseHandle,
  type NotAcquired,
  refusalReason,
  throwIfCancelled,
} from './acquire-call.js';
export { Acquirer } from './acquirer.js';
export type { GrantHandOff } from './grant-hand-off.js';
export { LocalQueue } from './local-queue.js';
export { sharesNothing, upgradeRefused } from './shared-mode.js';
export { Drain, WaitLimit } from './wait-limit.js';
export { wholly } from './whole-grant.js';
