export { connectingTo } from './connect.js';
export { examinePostgres } from './examine-postgres.js';
