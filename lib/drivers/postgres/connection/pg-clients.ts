import { InvalidOptionsError } from '../../../errors.js';
import { isPool, type ReadyPostgresPool } from '../options/index.js';
import type { Secret } from '../../secret.js';
import type { PgClientClass, PgClients } from './pg-client.js';

/** The longest a connect may take, ms, unless pg's own option says otherwise. */
const CONNECT_TIMEOUT = 5000;

/** The bounds of the time that a statement may take, ms, unless pg's own option says otherwise. */
const [SHORTEST, LONGEST] = [500, 2000];

export interface PgSource {
  /** Undefined where the pool says everything. */
  readonly url?: Secret | undefined;
  /** A pool, or options of pg. */
  readonly pool?: ReadyPostgresPool | object | undefined;
}

/**
 * Makes the clients of a driver. It takes the options of a pool, never its connections: a pool that the application has used up would
 * make the renewals wait.
 * @param ttl the coordinator's lease time, ms: a statement may take a fifth of it
 */
export async function pgClients({ url, pool }: PgSource, ttl: number): Promise<PgClients> {
  const ready = isPool(pool) ? pool : undefined;
  const Client = ready ? clientClassOf(ready) : undefined;
  const given = optionsOf(ready ? ready.options : pool);
  // What stands in the URL is stronger, as it is for pg. A pool may have a URL of its own.
  const text = String(url?.reveal() ?? given['connectionString']);
  const inUrl = Number(/[?&]query_timeout=(\d+)/.exec(text)?.[1]);
  const queryTimeout = inUrl > 0 ? inUrl : given['query_timeout'];
  const usual = Math.max(SHORTEST, Math.min(LONGEST, Math.floor(ttl / 5)));
  const commandTimeout = typeof queryTimeout === 'number' && queryTimeout > 0 ? queryTimeout : usual;
  const create = Client ?? (await loadClientClass());
  const config = (): object => ({
    connectionTimeoutMillis: CONNECT_TIMEOUT,
    application_name: 'nestjs-coordination',
    keepAlive: true,
    ...given,
    ...(url && { connectionString: url.reveal() }),
    query_timeout: commandTimeout,
  });
  return {
    name: nameOf(new create(config())),
    commandTimeout,
    create: async () => new create(config()),
  };
}

/** All options. A pool hides its password from a spread, as its options may be printed: so this copies it by name. */
function optionsOf(options: object = {}): Readonly<Record<string, unknown>> {
  return { ...options, ...('password' in options && { password: options.password }) };
}

/** Host, port and database as pg has read them, also from PGHOST and the like. */
function nameOf(client: object): string {
  const {
    host = 'localhost',
    port,
    database,
  } = client as { host?: string; port?: number; database?: string };
  const shown = host.includes(':') ? `[${host}]` : host;
  return `PostgreSQL ${host.startsWith('/') ? `socket ${host}` : `${shown}:${port}`}/${database ?? ''}`;
}

function clientClassOf(pool: ReadyPostgresPool): PgClientClass | undefined {
  return typeof pool.Client === 'function' ? (pool.Client as PgClientClass) : undefined;
}

/** `pg` is an optional peer: only applications with a postgres: URL need it. */
async function loadClientClass(): Promise<PgClientClass> {
  try {
    const pg = (await import('pg')) as unknown as {
      default?: { Client: PgClientClass };
      Client: PgClientClass;
    };
    return pg.default?.Client ?? pg.Client;
  } catch (error) {
    throw new InvalidOptionsError('A postgres: URL needs the package pg: npm install pg', { cause: error });
  }
}
