export { addBreak } from './break.js';
export { addLock } from './lock.js';
export { addLooking } from './look.js';
export { addWatch } from './watch.js';
