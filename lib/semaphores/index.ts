export { permitLock, permitProblems, turnLock } from './permits.js';
export { Semaphore, type PermitOptions, type SemaphoreOptions } from './semaphore.js';
export { limitReached, takePermit } from './take-permit.js';
