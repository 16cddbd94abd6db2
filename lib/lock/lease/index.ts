export { assertLockedIn } from './assert-locked-in.js';
export { assertLocked } from './assert-locked.js';
export { BoundedLease } from './bounded-lease.js';
export { Deadline, type LeaseBounds, ttlForUsable, usableTime, validityOf } from './deadline.js';
export { HeldLease } from './held-lease.js';
export { InnerLease, type LeaseOwner, refuse } from './inner-lease.js';
export {
  contextOf,
  contextsOn,
  currentContext,
  currentLease,
  holderInThisContext,
  holdingInThisContext,
  type LeasedContext,
  type LeaseContext,
  outerContext,
  runAround,
  runBodyUnder,
  runUnder,
  sharerInThisContext,
} from './lease-context.js';
export type { LeaseEnd, LeaseKeeper } from './lease-life.js';
export { type Asked, LeaseReports, type LockLog, type ReportContext } from './lease-reports.js';
export type { Lease } from './lease.js';
export { begun, notAcquired, runAndFinish } from './run-under-lease.js';
