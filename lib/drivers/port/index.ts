export type { Caller, Claim, Granted, LockMode, Taken } from './claim.js';
export type { Downgrade, Grant, Holder, Loss, RenewOutcome, Term, Tokens } from './grant.js';
export { NO_TRANSACTION, NOT_HELD } from './guard-states.js';
export { type LockStore, TRUSTED_MS } from './lock-store.js';
export type { NewRecord, RecordStore, StoredRecord } from './record-store.js';
export type { QueuedWaiter, WaitQueue } from './wait-queue.js';
export type { Watch } from './watch.js';
