import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { THOROUGH } from '../../support/thorough.js';
import { type RedisServerOptions, startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

/** What replicas can be run on: each start gives a back end of its own. */
export const BACKENDS: Record<string, (redis?: RedisServerOptions) => Promise<string>> = {
  'a file back end': async () => `file://${await scratchDirectory()}/locks`,
  'one Redis node': async (redis) => (await startRedisNodes(1, redis))[0]!.url,
  'three Redis nodes': async (redis) => (await startRedisNodes(3, redis)).map((node) => node.url).join(','),
  ...(postgresBin() !== undefined && { PostgreSQL: async () => (await PostgresServer.start()).urlOf() }),
};

/** Files and Redis where tests are to be short: what differs on PostgreSQL has tests of its own. */
export const ONE_OF_EACH_KIND = Object.fromEntries(
  Object.entries(BACKENDS).filter(
    ([name]) => THOROUGH || name === 'a file back end' || name === 'three Redis nodes',
  ),
);

/** For tests that are mostly the work of many processes: the one on which replicas run for real. */
export const FOR_MANY_PROCESSES = Object.fromEntries(
  Object.entries(ONE_OF_EACH_KIND).filter(([name]) => THOROUGH || name === 'three Redis nodes'),
);

const directories: string[] = [];

export async function scratchDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'coordination-replicas-'));
  directories.push(directory);
  return directory;
}

/** Ends the servers and removes the directories that were made here. */
export async function cleanUp(): Promise<void> {
  await Promise.all([stopAllRedis(), stopAllPostgres()]);
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
}
