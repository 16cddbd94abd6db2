export { connectingTo, type Connecting } from './connect.js';
export { examinePostgres } from './examine-postgres.js';
