export { exploreJobs } from './job-explorer.js';
export { JobRunner } from './job-runner.js';
export { runForTick } from './run-for-tick.js';
export { RunOnce } from './run-once.decorator.js';
export type { RunOnceOptions } from './run-once.options.js';
