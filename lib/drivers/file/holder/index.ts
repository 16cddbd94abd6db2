export { breakLock, breakShare, holderOf } from './break-lock.js';
export { HeldLocks } from './held-locks.js';
export { HolderWatch } from './holder-watch.js';
