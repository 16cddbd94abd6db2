import type { Scenario } from '../scenario.js';
import { manyAtOnce } from './at-once.js';
import { hugeCrowd, largeCrowd } from './crowd.js';
import { filePair } from './file-pair.js';
import { growthWithNames } from './growth-names.js';
import { growthWithNodes } from './growth-nodes.js';
import { growthWithWaiters } from './growth-waiters.js';
import { namesInFlight } from './in-flight.js';
import { jobTick, jobTickOnFiles } from './job-tick.js';
import { kindsPair } from './kinds-pair.js';
import { manyKeys } from './keys.js';
import { killedProcess } from './killed.js';
import { heldLeases } from './leases.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { onPostgres } from './postgres.js';
import { fileProcesses, redisProcesses } from './processes.js';
import { redisPair, redisUsing } from './redis-pair.js';
import { requests } from './request.js';
import { reentry, severalNames } from './several-names.js';
import { start } from './start.js';
import { stoppedNode } from './stopped-node.js';
import { synchronizedCall } from './synchronized-call.js';
import { telemetry } from './telemetry.js';
import { localWaiters, redisWaiters } from './waiters.js';

/** How long a loop pauses after a lease where it does, ms. */
const THINK = 4;

export const scenarios: readonly Scenario[] = [
  redisPair(1),
  redisPair(3),
  redisPair(5),
  redisUsing,
  kindsPair(1),
  kindsPair(3),
  severalNames(1),
  severalNames(3),
  reentry,
  manyKeys(1),
  manyKeys(3),
  manyAtOnce(1, 20_000),
  manyAtOnce(1, 50_000),
  manyAtOnce(3, 20_000),
  namesInFlight,
  localWaiters,
  redisWaiters(1),
  redisWaiters(3),
  redisProcesses(1, THINK),
  redisProcesses(1, 0),
  redisProcesses(3, THINK),
  redisProcesses(3, 0),
  largeCrowd,
  hugeCrowd,
  killedProcess(1),
  killedProcess(3),
  heldLeases(1),
  heldLeases(3),
  stoppedNode,
  filePair,
  fileProcesses(2),
  fileProcesses(8),
  synchronizedCall,
  telemetry,
  requests('express'),
  requests('fastify'),
  jobTick(1),
  jobTick(3),
  jobTickOnFiles,
  start,
  ...(postgresBin() === undefined ? [] : onPostgres),
  growthWithNames,
  growthWithWaiters,
  growthWithNodes,
];
