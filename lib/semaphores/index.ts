export { permitLock, permitProblems, turnLock } from './permits.js';
export { Semaphore, type PermitOptions, type SemaphoreOptions } from './semaphore.js';
export { limitReached, type PermitTerms, takePermit } from './take-permit.js';
