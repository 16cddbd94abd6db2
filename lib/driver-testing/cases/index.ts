import type { CaseDefinition } from '../suite-case.js';
import { lifeCases } from './life.cases.js';
import { leaseCases, processCases } from './lifetime.cases.js';
import { lockCases } from './lock.cases.js';
import { queueCases } from './queue.cases.js';
import { recordCases } from './record.cases.js';
import { tokenCases } from './token.cases.js';
import { sharedLeaseCases, sharedOrderCases } from './shared-life.cases.js';
import { sharedCases } from './shared.cases.js';
import { watchCases } from './watch.cases.js';

/** All cases of the suite. */
export const CASES: readonly CaseDefinition[] = [
  ...lifeCases,
  ...lockCases,
  ...tokenCases,
  ...recordCases,
  ...leaseCases,
  ...processCases,
  ...queueCases,
  ...sharedCases,
  ...sharedOrderCases,
  ...sharedLeaseCases,
  ...watchCases,
];
