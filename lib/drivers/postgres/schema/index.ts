export { HANDED_OVER_MS } from './release-sql.js';
export { DEFAULT_SCHEMA, isSchemaName, postgresSchema, quotedSchema } from './schema-sql.js';
export { SHARED, TOKENS_PER_GRANT } from './tables-sql.js';
