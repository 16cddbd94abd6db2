export { type AcquireResult, type AcquireTerms, refusalReason } from './acquire/index.js';
export { breakHolders } from './break.js';
export { LockManager } from './lock-manager.js';
/** @internal */
export { LOCK_MANAGER } from './lock-registry.js';
export {
  lockManagerOf,
  type LockProvider,
  registerRunning,
  runningCoordinators,
  startedManagerOf,
  theRunningProviderNamed,
} from './lock-registry.js';
export {
  type AcquireOptions,
  inMs,
  LOCK_OPTIONS,
  type InMs,
  lockOptionProblems,
  type LockOptions,
  lockTerms,
  unknownOption,
} from './lock.options.js';
export { Lock, type UsingArguments } from './lock.js';
export { take } from './several/index.js';
