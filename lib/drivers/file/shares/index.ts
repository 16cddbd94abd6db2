export { FileShares } from './file-shares.js';
