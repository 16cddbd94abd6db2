export * from './history.js';
export * from './exclusion.js';
export * from './leftovers.js';
export * from './lost-updates.js';
export * from './register.js';
export * from './report.js';
export * from './stalls.js';
export * from './tokens.js';
export type { Violation } from './violation.js';
