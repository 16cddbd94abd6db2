export { codeOf, explain, type Explained } from './failures.js';
export { startError, unavailable } from './server-error.js';
