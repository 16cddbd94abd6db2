export { pgClients, RIGHTS, type PgSource } from './connection/index.js';
export { PostgresDriver } from './postgres.driver.js';
