export { Claim } from './claim.js';
export { currentRun, type Run, runIn } from './current-run.js';
export { inspectJobs, type JobInfo, type LastRun, lastRunOf } from './inspect-jobs.js';
export { Job, jobLock, type JobSettings, type Skipped } from './job.js';
export { jobsOf } from './jobs.js';
export {
  everyOccasion,
  idOccasion,
  type Occasion,
  repeatedOccasion,
  tickOccasion,
  untilDue,
} from './occasion.js';
export { checkOnce, forgetOnce, Once, onceLock, type OnceOptions } from './once.js';
export { RunRecords, type StoredRun } from './run-record.js';
