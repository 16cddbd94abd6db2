import { type RedisServer, startRedisNodes, stopAllRedis } from '../support/redis-server.js';
import type { BenchNode } from './bench.js';
import { pinToServerCore } from './pin.js';

/** As many as the scenario that wants the most has: one, three and five nodes at a time. */
const COUNT = 9;

/** Runs `body` with servers for all scenarios, each of which empties those that it uses. */
export async function withServers(body: (nodes: readonly BenchNode[]) => Promise<void>): Promise<void> {
  const servers: readonly RedisServer[] = await startRedisNodes(COUNT);
  try {
    pinToServerCore(servers.map(({ pid }) => pid));
    await body(servers.map(({ url, pid }) => ({ url, pid })));
  } finally {
    await stopAllRedis();
  }
}
