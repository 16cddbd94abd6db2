import type { DriverFactoryContext } from '../driver.js';
import { Secret } from '../secret.js';
import { pgClients } from './connection/index.js';
import { isPool, type PostgresBackendOptions } from './options/index.js';
import { PostgresDriver } from './postgres.driver.js';
import { DEFAULT_SCHEMA } from './schema/index.js';

/**
 * Makes the driver when it is needed.
 * @param url undefined where the pool says everything
 * @throws InvalidOptionsError when `pg` is not installed
 */
export async function openDriver(
  url: Secret | undefined,
  { pool, schema = DEFAULT_SCHEMA, migrate, listen }: PostgresBackendOptions,
  context: DriverFactoryContext,
): Promise<PostgresDriver> {
  const { ttl, looksOnly = false } = context;
  const clients = await pgClients({ url, pool }, ttl);
  const isUrl = typeof listen === 'string';
  const listening = isUrl
    ? await pgClients({ url: new Secret(listen), pool: isPool(pool) ? undefined : pool }, ttl)
    : undefined;
  const settings = {
    schema,
    ttl,
    clients,
    listening,
    listen: isUrl ? true : listen,
    migrate: !looksOnly && (migrate ?? process.env['NODE_ENV'] !== 'production'),
  };
  return new PostgresDriver(settings, context);
}
