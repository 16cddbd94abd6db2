import { type Clock, systemClock } from '../../common/clock.js';
import type { CoordinationOptions } from '../../coordination.options.js';
import { missingFunctions, missingRights, type PgClient } from '../../drivers/postgres/connection/index.js';
import { startError } from '../../drivers/postgres/errors/index.js';
import type { PostgresBackendOptions } from '../../drivers/postgres/options/index.js';
import { DEFAULT_SCHEMA, isSchemaName, postgresSchema } from '../../drivers/postgres/schema/index.js';
import { InvalidOptionsError } from '../../errors.js';
import { readOptions, within } from '../doctor/index.js';
import { connectingTo } from '../doctor/postgres/index.js';

/** How long the creation of all that is missing may take, ms: another one may be under way. */
const LONGEST_CREATION = 30_000;

/** The state of the schema. */
export interface SchemaStatus {
  /** Host, port and database. */
  readonly server: string;
  readonly schema: string;
  readonly role: string;
  /** `missing`: nothing is there. `incomplete`: it is of another version. `forbidden`: the role may not look. */
  readonly state: 'complete' | 'incomplete' | 'missing' | 'forbidden';
  /** The functions of this version that are not there. */
  readonly missing: readonly string[];
  /** The rights that the role lacks, where all functions are there. */
  readonly lacking: readonly string[];
}

/**
 * @returns the state of the schema, and whether the role can use it
 * @throws InvalidOptionsError, BackendUnavailableError
 */
export function schemaStatus(
  options: CoordinationOptions,
  clock: Clock = systemClock,
): Promise<SchemaStatus> {
  return withClient(options, clock, statusOf);
}

/**
 * Creates what is missing; changes nothing where all is there.
 * @returns the state before
 * @throws InvalidOptionsError, BackendUnavailableError, CoordinationSchemaError where the role may not create it
 */
export function migrateSchema(
  options: CoordinationOptions,
  clock: Clock = systemClock,
): Promise<SchemaStatus> {
  return withClient(options, clock, async (client, server, schema) => {
    const before = await statusOf(client, server, schema);
    if (before.state === 'complete') return before;
    await within(
      client.query({ text: postgresSchema(schema), query_timeout: LONGEST_CREATION }),
      LONGEST_CREATION,
    );
    return before;
  });
}

/**
 * The SQL of `migrate`, for databases in which only an administrator creates objects. Connects to nothing.
 * @throws InvalidOptionsError for a name that is not plain
 */
export function schemaSql(schema: string = DEFAULT_SCHEMA): string {
  if (!isSchemaName(schema))
    throw new InvalidOptionsError(
      `${JSON.stringify(schema)} is no name of a schema: use lower-case letters, digits and "_"`,
    );
  return postgresSchema(schema);
}

/**
 * The schema of the tables, as the options name it.
 * @throws InvalidOptionsError
 */
export function schemaNameIn(options: CoordinationOptions): string | undefined {
  if (options.backendUrl === undefined) return options.postgres?.schema;
  const { kind, options: own } = readOptions(options, systemClock);
  return kind === 'postgres' ? (own as PostgresBackendOptions | undefined)?.schema : options.postgres?.schema;
}

async function withClient<T>(
  options: CoordinationOptions,
  clock: Clock,
  work: (client: PgClient, server: string, schema: string) => Promise<T>,
): Promise<T> {
  const examined = readOptions(options, clock);
  if (examined.kind !== 'postgres')
    throw new InvalidOptionsError(
      `a schema is for PostgreSQL, and the back end is ${examined.kind}; give --url postgres://…`,
    );
  const { schema = DEFAULT_SCHEMA } = (examined.options ?? {}) as PostgresBackendOptions;
  const { name, connect } = await connectingTo(examined);
  let client: PgClient | undefined;
  try {
    client = await within(connect());
    return await work(client, name, schema);
  } catch (error) {
    throw startError(name, error);
  } finally {
    await client?.end().catch(() => undefined);
  }
}

async function statusOf(client: PgClient, server: string, schema: string): Promise<SchemaStatus> {
  const { rows } = await within(
    client.query(
      `SELECT current_user AS role, has_schema_privilege(oid, 'USAGE') AS usable
        FROM (SELECT 1) AS one LEFT JOIN pg_namespace ON nspname = $1`,
      [schema],
    ),
  );
  const found = { server, schema, role: String(rows[0]?.['role']), missing: [], lacking: [] };
  const usable = rows[0]?.['usable'];
  if (usable === false) return { ...found, state: 'forbidden' };
  const missing = await missingFunctions(client, schema);
  if (missing.length > 0) return { ...found, missing, state: usable === true ? 'incomplete' : 'missing' };
  return { ...found, lacking: await missingRights(client, schema), state: 'complete' };
}
