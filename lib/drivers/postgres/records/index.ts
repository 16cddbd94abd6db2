export { PostgresRecords } from './postgres-records.js';
