export { FileShares } from './file-shares.js';
export { Sharers } from './sharers.js';
