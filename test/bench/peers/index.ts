import type { LockKind } from '../locks/locks.js';
import { shippedMurlock, tunedMurlock } from './murlock.js';
import { redisSemaphore } from './redis-semaphore.js';
import { shippedRedlockUniversal, tunedRedlockUniversal } from './redlock-universal.js';

export { HOW_TO_INSTALL, peersInstalled } from './load-peer.js';

export const peers: readonly LockKind[] = [
  redisSemaphore,
  shippedRedlockUniversal,
  tunedRedlockUniversal,
  shippedMurlock,
  tunedMurlock,
];
