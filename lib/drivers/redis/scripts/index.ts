/*
 * The key of a lock is Redlock's: a plain string that holds its holder's id, with a ttl. Any other Redlock client can hold
 * and respect the same locks. Times of a node are µs since 1970, as TIME tells them; they stay exact, below 2^53.
 *
 * Beside the key stand its waiters, in two sorted sets. One has their ids in the order in which they came. The other has their processes
 * by the time until which each is believed to be alive, in ms of the node's time. An id begins with its process. The queue only says which
 * waiter is next: whatever happens to the queue, the key has one holder. Both sets expire.
 *
 * While a slot of a Cluster moves to another server, a script runs where all its keys are, and is refused where some are missing. It stops
 * half-way when a key goes missing meanwhile, as after DEL. So a script deletes nothing that it needs later. ACQUIRE, RELEASE, REFRESH and
 * HOLDERS have another form, `alone`, for their first key only, which always runs.
 *
 * A shared lock has one fixed text in its key for all of its holders, so that other clients find it taken. Their ids stand in a sorted
 * set beside it.
 *
 * A Redis that is full (maxmemory, noeviction) refuses commands that need memory, but not in a script that has written already. So the
 * scripts for held leases and their waiters begin with a write that needs none: PEXPIRE, ZREM or DEL.
 */
export { ACQUIRE } from './acquire-script.js';
export { slotOf, SLOTS } from './cluster-slot.js';
export { CONFIRM, COUNT } from './fencing-scripts.js';
export { HolderIds, newProcess, processOf } from './holder-id.js';
export {
  checkedKeys,
  counterOf,
  hashTagOf,
  lockKeyOf,
  OUR_LOCKS,
  queueOf,
  recordChannelOf,
  recordIndexOf,
  recordKeyOf,
  removedKeyOf,
  sharersOf,
  shardedTurnChannel,
  TURN_CHANNEL,
  waitersOf,
} from './keys.js';
export { LockKeys, MOST_KEPT } from './lock-keys.js';
export { INDEX, MARK, PUT, READ, REMOVE } from './record-scripts.js';
export {
  BY_NAME,
  callScript,
  isHalfDone,
  listOf,
  oddAnswer,
  oneOf,
  positiveNumber,
  runScript,
  type Script,
  ScriptKeys,
  type Sending,
  sendingAfter,
  sendScript,
  textOf,
  wholeNumber,
} from './script.js';
export { JOIN, LEAVE, QUEUE_TTL, REFRESH, SHORT_GRANT } from './queue-scripts.js';
export { BREAK, BROKEN, KEEP, RELEASE } from './release-scripts.js';
export { COMPLETE, RENEW } from './renew-scripts.js';
export { SHARED } from './shared-key.js';
export { CONFIRM_SHARE, END_SHARE, HOLDERS, RELEASE_SHARE, RENEW_SHARES, SHARE } from './shared-scripts.js';
export { LOOK, SYNC } from './sync-scripts.js';
