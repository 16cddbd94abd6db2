import { type PgClient, type PgClients, pgClients } from '../../../drivers/postgres/connection/index.js';
import { isPool, postgresUrl, type PostgresBackendOptions } from '../../../drivers/postgres/options/index.js';
import { Secret } from '../../../drivers/secret.js';
import type { Examined } from '../examined.js';

/** How to reach the database, and the server to listen at, where that has a URL of its own. */
export interface Connecting {
  /** Host, port and database. */
  readonly name: string;
  readonly commandTimeout: number;
  readonly connect: () => Promise<PgClient>;
  readonly connectToListen: (() => Promise<PgClient>) | undefined;
}

/** @throws InvalidOptionsError when `pg` is not installed */
export async function connectingTo({ urls, query, options, ttl }: Examined): Promise<Connecting> {
  const { pool, listen } = (options ?? {}) as PostgresBackendOptions;
  const clients = await pgClients({ url: postgresUrl(urls, query), pool }, ttl);
  const second =
    typeof listen === 'string'
      ? await pgClients({ url: new Secret(listen), pool: isPool(pool) ? undefined : pool }, ttl)
      : undefined;
  return {
    name: clients.name,
    commandTimeout: clients.commandTimeout,
    connect: () => connected(clients),
    connectToListen: second && (() => connected(second)),
  };
}

async function connected(clients: PgClients): Promise<PgClient> {
  const client = await clients.create();
  // A connection that breaks fails the statement under way, which is reported.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
