export { examineFile } from './examine-file.js';
