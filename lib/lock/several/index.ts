export { FIRST_ROUND_LIMIT } from './collection.js';
export { take } from './take.js';
