import type { BackendKind } from '../backend-kind.js';
import {
  isPool,
  PG_KEYS,
  POSTGRES_OPTIONS,
  POSTGRES_SCHEMES,
  postgresProblems,
  postgresUrl,
  type PostgresBackendOptions,
} from './options/index.js';

/** `postgres://…` and `postgresql://…`, and a pool of pg. */
export const postgresBackend: BackendKind = {
  name: 'postgres',
  schemes: POSTGRES_SCHEMES,
  options: POSTGRES_OPTIONS,
  urlKeys: PG_KEYS,
  claimedBy: (given) => (optionsIn(given).pool === undefined ? undefined : 'postgres.pool'),
  problemsOf: postgresProblems,
  factoryFor(urls, query, given) {
    const options = optionsIn(given);
    const url = postgresUrl(urls, query);
    if (url && isPool(options.pool))
      throw new Error('give a URL, or a pool of pg in postgres.pool, not both');
    return async (context) => {
      const { openDriver } = await import('./postgres.open.js');
      return openDriver(url, options, context);
    };
  },
};

function optionsIn(given: unknown): PostgresBackendOptions {
  return typeof given === 'object' && given !== null ? given : {};
}
