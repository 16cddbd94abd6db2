export { CoordinationLockStore } from './coordination-lock-store.js';
export type { LockAcquireResult, LockStoreRegistry, SharedLockStore } from './contract.js';
