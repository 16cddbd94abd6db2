import { acquireSql } from './acquire-sql.js';
import { guardSql } from './guard-sql.js';
import { purgeSql } from './purge-sql.js';
import { recordSql } from './record-sql.js';
import { releaseSql } from './release-sql.js';
import { renewSql } from './renew-sql.js';
import { serverSql } from './server-sql.js';
import { sharedSql } from './shared-sql.js';
import { tablesSql } from './tables-sql.js';

/** The schema of the tables and functions, unless the option names another one. */
export const DEFAULT_SCHEMA = 'nest_coordination';

/** Two numbers that identify the creation among the advisory locks of the database. */
const CREATION = '7230115, 1';

/**
 * Everything that the PostgreSQL back end needs, as SQL that can be run again: tables, a sequence and functions. For databases in which
 * the application must not create objects itself (`postgres: { migrate: false }`).
 *
 * The functions have their version in their names, so that replicas of two versions of this package can run side by side.
 *
 *
 * @throws an Error when it is not a plain name
 * @throws an Error when that is no plain name
 *
 * @example
 * writeFileSync('migrations/001-coordination.sql', postgresSchema());
 *
 * @publicApi
 */
export function postgresSchema(schema: string = DEFAULT_SCHEMA): string {
  const s = quotedSchema(schema);
  return [
    'BEGIN;',
    // IF NOT EXISTS alone fails when two sessions create at once.
    `SELECT pg_advisory_xact_lock(${CREATION});`,
    `CREATE SCHEMA IF NOT EXISTS ${s};`,
    tablesSql(s),
    acquireSql(s),
    sharedSql(s),
    releaseSql(s),
    renewSql(s),
    recordSql(s),
    serverSql(s),
    purgeSql(s),
    guardSql(s),
    'COMMIT;',
    '',
  ].join('\n');
}

/** Quotes a plain name for SQL. */
export function quotedSchema(schema: string): string {
  if (!isSchemaName(schema)) throw new Error(`${JSON.stringify(schema)} is no name of a schema`);
  return `"${schema}"`;
}

/** Lower case, as unquoted names in SQL are. */
export function isSchemaName(name: string): boolean {
  return /^[a-z_][a-z0-9_]{0,62}$/.test(name);
}
