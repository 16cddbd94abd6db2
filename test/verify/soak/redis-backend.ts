import type { Redis } from 'ioredis';
import { startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
import type { SoakBackend } from './backend.js';
import { atMost, type Count, same, told } from './counts.js';

const NO_TTL = -1;
/** The driver has a handful, some of which are rarely needed; one that is made anew for a call would soon be more. */
const MOST_SCRIPTS = 20;

export async function redisBackend(nodes: number): Promise<SoakBackend> {
  const servers = await startRedisNodes(nodes);
  const clients = servers.map((server) => server.client());
  await Promise.all(clients.map((client) => client.ping()));
  let next = 0;
  return {
    id: `redis ${nodes}`,
    // No server hangs: a connection that is cut fails its commands at once.
    url: `${servers.map(({ url }) => url).join(',')}?commandTimeout=5000`,
    shared: true,
    leasesExpire: true,
    newNames: 0.1,
    counts: async () => sum(await Promise.all(clients.map((client) => countsOf(client, nodes)))),
    // One node at a time, as a failing network has it; with one node it is all there is.
    cutConnections: async () => {
      const client = clients[next % clients.length];
      next += 1;
      for (const type of ['NORMAL', 'PUBSUB'] as const) await client?.call('CLIENT', 'KILL', 'TYPE', type);
    },
    close: stopAllRedis,
  };
}

async function countsOf(client: Redis, nodes: number): Promise<Count[]> {
  let held = 0;
  const forGood: string[] = [];
  let all = 0;
  for await (const keys of client.scanStream({ count: 1000 }) as AsyncIterable<string[]>) {
    const ends = await Promise.all(keys.map((key) => client.pttl(key)));
    all += keys.length;
    held += keys.filter((key) => key.startsWith('coordination:lock:')).length;
    forGood.push(...keys.filter((_key, index) => ends[index] === NO_TTL));
  }
  const connected = String(await client.client('LIST'))
    .trim()
    .split('\n').length;
  const channels = (await client.pubsub('CHANNELS')) as string[];
  const scripts = /number_of_cached_scripts:(\d+)/.exec(await client.info('memory'))?.[1];
  return [
    same('keys without a ttl', forGood.length, forGood.slice(0, 5).join(', ')),
    atMost(0, 'locks held', held),
    told('keys', all),
    same('connections to the nodes', connected),
    same('channels subscribed', channels.length),
    atMost(nodes * MOST_SCRIPTS, 'scripts kept by the nodes', Number(scripts ?? 0)),
  ];
}

/** Of all nodes together. */
function sum(nodes: readonly Count[][]): Count[] {
  const [first = []] = nodes;
  return first.map((count, index) => ({
    ...count,
    value: nodes.reduce((total, counts) => total + (counts[index]?.value ?? 0), 0),
    detail: nodes.flatMap((counts) => counts[index]?.detail || []).join(', '),
  }));
}
