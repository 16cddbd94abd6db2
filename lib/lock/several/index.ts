export { LONGEST_PATIENCE, PATIENCE } from './collection.js';
export { take } from './take.js';
