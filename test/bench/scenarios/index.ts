import type { Scenario } from '../scenario.js';
import { filePair } from './file-pair.js';
import { redisPair, redisUsing } from './redis-pair.js';
import { stoppedNode } from './stopped-node.js';
import { synchronizedCall } from './synchronized-call.js';
import { localWaiters, redisWaiters } from './waiters.js';

export const scenarios: readonly Scenario[] = [
  redisPair(1),
  redisUsing(1),
  redisPair(3),
  stoppedNode,
  filePair,
  synchronizedCall,
  localWaiters,
  redisWaiters(1),
  redisWaiters(3),
];
