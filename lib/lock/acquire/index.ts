export {
  AcquireCall,
  type AcquireResult,
  type AcquireTerms,
  type LeaseHandle,
  type NotAcquired,
  refusalReason,
  throwIfCancelled,
} from './acquire-call.js';
export { Acquirer } from './acquirer.js';
export { Drain } from './drain.js';
export type { GrantHandOff } from './grant-hand-off.js';
export { LeaseGrant } from './lease-grant.js';
export { LocalQueue } from './local-queue.js';
export { sharesNothing, upgradeRefused } from './shared-mode.js';
export { WaitLimit } from './wait-limit.js';
export { wholly } from './whole-grant.js';
