import { CoordinationSchemaError } from '../../../errors.js';
import { postgresSchema, quotedSchema } from '../schema/index.js';
import type { PgClient, PgResult } from './pg-client.js';

/** The functions that the driver calls. If one is missing, the schema is older than this version of the package. */
const FUNCTIONS = [
  'acquire_1(text,text,text,bigint,text,integer,integer,text)',
  'release_1(text,text,bigint,text)',
  'leave_1(text,text,text)',
  'renew_1(text[],text[],bigint)',
  'share_1(text,text,text,bigint,text,integer,integer,text)',
  'release_share_1(text,text,bigint,text)',
  'renew_shares_1(text[],text[],bigint)',
  'downgrade_1(text,text,text,bigint)',
  'wake_sharers_1(text,timestamp with time zone)',
  'put_record_1(text,text,bigint,text,double precision)',
  'remove_record_1(text,text,bigint)',
  'open_1(bigint)',
  'purge_locks_1(text[])',
  'purge_records_1(text[])',
  'guard_1(text,text,integer)',
];

/** The rights that the role needs. The guard needs none of them. */
export const RIGHTS: Readonly<Record<string, readonly string[]>> = {
  lease: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  share: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  waiter: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  record: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  watcher: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'],
  server: ['SELECT', 'INSERT', 'UPDATE'],
};

/** @returns the server's timeline, and for how many ms it grants nothing: see `open_1` */
export function openServer(client: PgClient, schema: string, ttl: number): Promise<PgResult> {
  return ask(client, `SELECT * FROM ${schema}.open_1($1)`, [Math.ceil(ttl)]);
}

export interface SessionSettings {
  readonly schema: string;
  readonly migrate: boolean;
}

export interface Session {
  /** A pooler spreads the statements of one client over several connections of the server: nothing may be kept in a session. */
  readonly pooled: boolean;
}

/** Time-outs for the look at a new connection, and for the creation of the schema, which replicas do one after the other; ms. */
const [LONGEST_LOOK, LONGEST_CREATION] = [5000, 30_000];

/** Sends a statement with a longer time-out than commands have: no lease waits for it. */
export function ask(client: PgClient, text: string, values: readonly unknown[] = []): Promise<PgResult> {
  return client.query({ text, values, query_timeout: LONGEST_LOOK });
}

/**
 * Checks a new connection, and prepares it.
 * @throws CoordinationSchemaError; what pg throws; an error with a code that tells what is wrong with the server
 */
export async function openSession(client: PgClient, { schema, migrate }: SessionSettings): Promise<Session> {
  const { rows } = await ask(
    client,
    `SELECT pg_backend_pid() AS pid, pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS readonly,
      current_setting('default_transaction_isolation') AS isolation`,
  );
  const { pid, readonly, isolation } = rows[0] ?? {};
  if (readonly === true) throw withCode('the server takes no writes', '25006');
  const pooled = pid !== client.processID;
  if (isolation !== 'read committed') {
    if (pooled) throw withCode('transactions are not READ COMMITTED', 'NC002');
    await ask(client, `SET default_transaction_isolation TO 'read committed'`);
  }
  if ((await missingFunctions(client, schema)).length > 0) {
    if (!migrate) throw schemaMissing(schema);
    await client.query({ text: postgresSchema(schema), query_timeout: LONGEST_CREATION });
  }
  await checkRights(client, schema);
  return { pooled };
}

/** The functions that are missing, or that the role may not see. */
export async function missingFunctions(client: PgClient, schema: string): Promise<readonly string[]> {
  const { rows } = await ask(
    client,
    'SELECT f.name FROM unnest($1::text[]) AS f(name) WHERE to_regprocedure(f.name) IS NULL',
    [FUNCTIONS.map((name) => `${quotedSchema(schema)}.${name}`)],
  );
  return rows.map(({ name }) => String(name));
}

function schemaMissing(schema: string): Error {
  return new CoordinationSchemaError(
    `its schema ${schema} lacks tables or functions of nestjs-coordination, and postgres.migrate (COORDINATION_POSTGRES_MIGRATE) is off: run the SQL of postgresSchema(${JSON.stringify(schema)}) as a role that may create them`,
  );
}

async function checkRights(client: PgClient, schema: string): Promise<void> {
  const missing = await missingRights(client, schema);
  if (missing.length === 0) return;
  throw new CoordinationSchemaError(
    `the role lacks rights: ${missing.join(', ')}; run the GRANT lines of docs/postgres.md, "Rights", as the owner of the schema`,
  );
}

/** The rights that the role lacks, named as in a GRANT. The tables must exist. */
export async function missingRights(client: PgClient, schema: string): Promise<readonly string[]> {
  const wanted = Object.entries(RIGHTS).flatMap(([table, rights]) => rights.map((right) => [table, right]));
  const { rows } = await ask(
    client,
    `SELECT r.tab, r.priv FROM unnest($2::text[], $3::text[]) AS r(tab, priv) WHERE NOT has_table_privilege($1 || '.' || r.tab, r.priv)
      UNION ALL SELECT 'token', p FROM unnest(ARRAY['USAGE', 'UPDATE']) AS p WHERE NOT has_sequence_privilege($1 || '.token', p)`,
    [quotedSchema(schema), wanted.map(([table]) => table), wanted.map(([, right]) => right)],
  );
  return rows.map(({ tab, priv }) => `${String(priv)} on ${schema}.${String(tab)}`);
}

function withCode(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}
