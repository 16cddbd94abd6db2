export { PG_KEYS, POSTGRES_SCHEMES, postgresUrl } from './postgres-url.js';
export { isPool, POSTGRES_OPTIONS, postgresProblems } from './postgres.options.js';
export type { PostgresBackendOptions, ReadyPostgresPool } from './postgres.public-types.js';
