import { BOUNDS_BREAKAGES } from './bounds-breakages.js';
import type { Breakage } from './breakage.js';
import { ELECTION_BREAKAGES } from './election-breakages.js';
import { FILE_BREAKAGES } from './file-breakages.js';
import { JOB_BREAKAGES } from './job-breakages.js';
import { KIND_BREAKAGES } from './kind-breakages.js';
import { LEASE_BREAKAGES } from './lease-breakages.js';
import { POSTGRES_BREAKAGES } from './postgres-breakages.js';
import { REDIS_BREAKAGES } from './redis-breakages.js';

/** Every one of them has to be found: by the suites that are under test here, and only where they cannot, by a test. */
export const BREAKAGES: readonly Breakage[] = [
  ...LEASE_BREAKAGES,
  ...KIND_BREAKAGES,
  ...BOUNDS_BREAKAGES,
  ...ELECTION_BREAKAGES,
  ...JOB_BREAKAGES,
  ...REDIS_BREAKAGES,
  ...FILE_BREAKAGES,
  ...POSTGRES_BREAKAGES,
];
