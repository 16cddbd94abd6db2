export { FileShares, type FileSharesContext } from './file-shares.js';
