export { Inspection } from './inspection.js';
export type {
  BreakOptions,
  CoordinatorInspection,
  ElectionInfo,
  HolderInfo,
  LockInfo,
  LockKind,
  MemberInfo,
  WaiterInfo,
} from './inspection.types.js';
export { breakLock, checkBreak } from './break-lock.js';
export { LOCK_KINDS } from './lock-kinds.js';
export { inspectLocks } from './inspect-locks.js';
export { inspectElections, inspectMembers } from './inspect-members.js';
export { MemberReport } from './member-report.js';
export type { Source } from './source.js';
