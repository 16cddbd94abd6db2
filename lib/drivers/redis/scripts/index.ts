export { slotOf, SLOTS } from './cluster-slot.js';
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
  shardedTurnChannel,
  TURN_CHANNEL,
  waitersOf,
} from './keys.js';
export { LockKeys, MOST_KEPT } from './lock-keys.js';
export { INDEX, PUT, READ, REMOVE } from './record-scripts.js';
export { holderOf, listOf, oddAnswer, oneOf, positiveNumber, textOf, wholeNumber } from './replies.js';
export {
  BY_NAME,
  callScript,
  isHalfDone,
  runScript,
  type Script,
  ScriptKeys,
  type Sending,
  sendingAfter,
  sendScript,
} from './script.js';
export {
  ACQUIRE,
  BREAK,
  BROKEN,
  COMPLETE,
  CONFIRM,
  COUNT,
  HOLDER,
  JOIN,
  KEEP,
  LEAVE,
  LOOK,
  QUEUE_TTL,
  REFRESH,
  RELEASE,
  RENEW,
  SHORT_GRANT,
  SYNC,
} from './scripts.js';
