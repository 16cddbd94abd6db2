export { codeOf, explain } from './failures.js';
export { startError, unavailable } from './server-error.js';
