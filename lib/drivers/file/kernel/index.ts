export {
  brokenBy,
  directoryProblem,
  directoryReplaced,
  failedOn,
  fileGone,
  foreignDirectory,
  noHome,
  nothingThere,
  notRunning,
  ownerSilent,
  recordBusy,
  seatGone,
  shorten,
  unusableDirectory,
} from './file.messages.js';
export { finishAll } from './finish-all.js';
export { type Found, isMissing, isSame, look } from './identity.js';
export { LockFile } from './lock-file.js';
export { loadNativeLock, LOCK_MECHANISM, type NativeLock } from './native-lock.js';
export type { OwnerRecord } from './owner-record.js';
