import type { BackendKind } from '../backend-kind.js';
import { Secret } from '../secret.js';
import {
  isPool,
  PG_KEYS,
  POSTGRES_OPTIONS,
  POSTGRES_SCHEMES,
  postgresProblems,
  postgresUrl,
  type PostgresBackendOptions,
} from './options/index.js';
import { DEFAULT_SCHEMA } from './schema/index.js';

/** `postgres://…` and `postgresql://…`, and a pool of pg. */
export const postgresBackend: BackendKind = {
  name: 'postgres',
  schemes: POSTGRES_SCHEMES,
  options: POSTGRES_OPTIONS,
  urlKeys: PG_KEYS,
  claimedBy: (given) => (optionsIn(given).pool === undefined ? undefined : 'postgres.pool'),
  problemsOf: postgresProblems,
  factoryFor(urls, query, given) {
    const { pool, schema = DEFAULT_SCHEMA, migrate, listen } = optionsIn(given);
    const url = postgresUrl(urls, query);
    if (url && isPool(pool)) throw new Error('give a URL, or a pool of pg in postgres.pool, not both');
    const listenUrl = typeof listen === 'string' ? new Secret(listen) : undefined;
    return async (context) => {
      const [{ PostgresDriver }, { pgClients }] = await Promise.all([
        import('./postgres.driver.js'),
        import('./connection/index.js'),
      ]);
      const { ttl } = context;
      const settings = {
        schema,
        ttl,
        migrate: migrate ?? process.env['NODE_ENV'] !== 'production',
        listen: listenUrl ? true : (listen as boolean | undefined),
        clients: await pgClients({ url, pool }, ttl),
        listening:
          listenUrl && (await pgClients({ url: listenUrl, pool: isPool(pool) ? undefined : pool }, ttl)),
      };
      return new PostgresDriver(settings, context);
    };
  },
};

function optionsIn(given: unknown): PostgresBackendOptions {
  return typeof given === 'object' && given !== null ? given : {};
}
