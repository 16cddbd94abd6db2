import { checkBoolean, shown } from '../../../common/checks.js';
import { booleanFrom } from '../../../common/option-text.js';
import type { TextOption } from '../../backend-kind.js';
import { isSchemaName } from '../schema/index.js';
import type { PostgresBackendOptions, ReadyPostgresPool } from './postgres.public-types.js';

/** The options of `postgres`; undefined for one that cannot be given as text. */
export const POSTGRES_OPTIONS: Readonly<Record<keyof PostgresBackendOptions, TextOption | undefined>> = {
  pool: undefined,
  schema: { variable: 'COORDINATION_POSTGRES_SCHEMA', read: (text) => text },
  migrate: { variable: 'COORDINATION_POSTGRES_MIGRATE', read: booleanFrom },
  listen: { variable: 'COORDINATION_POSTGRES_LISTEN', read: booleanFrom },
};

const KNOWN = Object.keys(POSTGRES_OPTIONS);

/** Every problem as a sentence. No sentence shows the content of `pool` or `listen`, which hold passwords. */
export function postgresProblems(given: unknown): string[] {
  if (given === undefined) return [];
  if (isPool(given)) return ['postgres: give a pool of pg as postgres: { pool: … }'];
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return [
      `postgres must be an object with ${KNOWN.join(', ')}, got ${given === null ? 'null' : typeof given}`,
    ];
  const { pool, schema, migrate, listen }: Partial<Record<string, unknown>> = given;
  const problems = unknownOptions(given);
  if (pool !== undefined && (typeof pool !== 'object' || pool === null || Array.isArray(pool)))
    problems.push('postgres.pool must be a Pool of pg, or an object with options of pg');
  if (schema !== undefined && !(typeof schema === 'string' && isSchemaName(schema)))
    problems.push(
      `${named('schema')} must be a plain name of lower-case letters, digits and "_", got ${shown(schema)}`,
    );
  if (migrate !== undefined) problems.push(...checkBoolean(named('migrate'), migrate));
  if (listen !== undefined && typeof listen !== 'boolean' && !isPostgresUrl(listen))
    problems.push(`${named('listen')} must be true, false or a postgres:// URL`);
  return problems;
}

function unknownOptions(given: object): string[] {
  const unknown = Object.keys(given).filter((key) => !KNOWN.includes(key));
  if (unknown.length === 0) return [];
  return [
    `postgres has no option ${unknown.map(shown).join(', ')}, known are ${KNOWN.join(', ')}; options of pg stand in postgres: { pool: { … } }`,
  ];
}

function named(option: keyof PostgresBackendOptions): string {
  const variable = POSTGRES_OPTIONS[option]?.variable;
  return `postgres.${option}${variable === undefined ? '' : ` (${variable})`}`;
}

function isPostgresUrl(value: unknown): value is string {
  return typeof value === 'string' && /^postgres(ql)?:\/\//.test(value);
}

/** Tells a pool from options by its methods. */
export function isPool(value: unknown): value is ReadyPostgresPool {
  return (
    typeof value === 'object' &&
    value !== null &&
    'options' in value &&
    'query' in value &&
    typeof value.query === 'function'
  );
}
