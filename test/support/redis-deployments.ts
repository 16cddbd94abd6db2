import { Redis } from 'ioredis';
import { freshName } from '../../lib/driver-testing/driver-calls.js';
import { slotOf } from '../../lib/drivers/redis/scripts/cluster-slot.js';
import { eventually } from './eventually.js';
import { RedisServer, startRedis, startRedisNodes, type RedisServerOptions } from './redis-server.js';

const SLOTS = 16_384;
const CLUSTER_ARGS = [
  'cluster-enabled yes',
  'cluster-node-timeout 2000',
  'repl-diskless-sync-delay 0',
  // A cluster tells nobody of a replica before it has got something from its master, if only a ping.
  'repl-ping-replica-period 1',
];

export interface SentinelDeployment {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinel: RedisServer;
  readonly masterName: string;
  readonly url: string;
}

/**
 * A master, a replica and a sentinel that fails over by itself.
 * @param options of the sentinel
 */
export async function startSentinel(options: RedisServerOptions = {}): Promise<SentinelDeployment> {
  const masterName = 'main';
  const master = await startRedis();
  const replica = await startRedis({ args: [`replicaof 127.0.0.1 ${master.port}`] });
  const sentinel = await startRedis({
    ...options,
    sentinel: true,
    args: [
      `sentinel monitor ${masterName} 127.0.0.1 ${master.port} 1`,
      `sentinel down-after-milliseconds ${masterName} 1000`,
      `sentinel failover-timeout ${masterName} 3000`,
    ],
  });
  const client = sentinel.client();
  await eventually(async () => {
    const replicas = await client.call('sentinel', 'replicas', masterName);
    return Array.isArray(replicas) && replicas.length === 1;
  });
  client.disconnect();
  const url = `redis+sentinel://127.0.0.1:${sentinel.port}/${masterName}`;
  return { master, replica, sentinel, masterName, url };
}

export interface ClusterDeployment {
  readonly masters: readonly RedisServer[];
  readonly url: string;
}

/** Three masters that share the slots. */
export async function startCluster(options: RedisServerOptions = {}): Promise<ClusterDeployment> {
  const args = [...CLUSTER_ARGS, ...(options.args ?? [])];
  const masters = await startRedisNodes(3, { ...options, args });
  const clients = masters.map((server) => server.client());
  for (const [index, client] of clients.entries()) {
    const from = Math.ceil((index * SLOTS) / 3);
    const to = Math.ceil(((index + 1) * SLOTS) / 3);
    await client.cluster('ADDSLOTS', ...Array.from({ length: to - from }, (_, slot) => from + slot));
    await client.cluster('SET-CONFIG-EPOCH', index + 1);
  }
  for (const server of masters.slice(1)) await clients[0]?.cluster('MEET', '127.0.0.1', server.port);
  for (const client of clients) {
    await eventually(async () => {
      const info = await client.cluster('INFO');
      const nodes = (await client.cluster('NODES')) as string;
      // Over a link that is not up yet, nothing that is published gets to the other node.
      const linked = nodes.match(/ connected/g)?.length === 3 && !nodes.includes('handshake');
      return /cluster_state:ok/.test(info) && linked;
    });
    client.disconnect();
  }
  return { masters, url: `redis+cluster://${masters.map(({ port }) => `127.0.0.1:${port}`).join(',')}` };
}

/** A replica of one master of a cluster, which takes its place when it dies. */
export async function startReplica(master: RedisServer): Promise<RedisServer> {
  const server = await startRedis({ args: CLUSTER_ARGS });
  const [client, admin] = [server.client(), master.client()];
  await client.cluster('MEET', '127.0.0.1', master.port);
  const id = await admin.cluster('MYID');
  // It has to know the master first.
  await eventually(() =>
    client.cluster('REPLICATE', id).then(
      () => true,
      () => false,
    ),
  );
  await eventually(async () => (await client.info('replication')).includes('master_link_status:up'));
  // Until it has heard of all slots, it takes part in nothing.
  await eventually(async () => (await client.cluster('INFO')).includes('cluster_state:ok'));
  await eventually(async () => {
    const ranges = await admin.cluster('SLOTS');
    return ranges.flat(2).includes(server.port);
  });
  await knownToAll(await client.cluster('MYID'), await client.cluster('NODES'));
  return server;
}

/** The other masters give no vote to a replica that they have not heard of. */
async function knownToAll(id: string, nodes: unknown): Promise<void> {
  for (const [, port] of String(nodes).matchAll(/:(\d+)@/g)) {
    const node = new Redis({ host: '127.0.0.1', port: Number(port) });
    await eventually(async () =>
      new RegExp(`^${id} .* (?:myself,)?slave `, 'm').test(String(await node.cluster('NODES'))),
    );
    node.disconnect();
  }
}

/** A slot that is on its way from one master to another. */
export interface Move {
  readonly from: RedisServer;
  readonly to: RedisServer;
  /** Moves those of its keys that are meant; all of them. */
  keys(isMeant?: (key: string) => boolean): Promise<void>;
  /** Moves what is left, and tells everybody. */
  end(): Promise<void>;
}

/** Begins to move the slot of a hash tag to another master. */
export async function beginMove(masters: readonly RedisServer[], tag: string): Promise<Move> {
  const clients = masters.map((server) => server.client());
  const slot = Number(await clients[0]?.cluster('KEYSLOT', tag));
  const at = Math.floor((slot * masters.length) / SLOTS);
  const next = (at + 1) % masters.length;
  const [from, to] = [clients[at]!, clients[next]!];
  const ids = await Promise.all([from, to].map((client) => client.cluster('MYID')));
  await to.cluster('SETSLOT', slot, 'IMPORTING', ids[0]!);
  await from.cluster('SETSLOT', slot, 'MIGRATING', ids[1]!);
  const keys: Move['keys'] = async (isMeant = () => true) => {
    const there = await from.cluster('GETKEYSINSLOT', slot, 1000);
    for (const key of there.filter(isMeant))
      await from.migrate('127.0.0.1', masters[next]!.port, key, 0, 5000);
  };
  const end = async (): Promise<void> => {
    // New ones may be made meanwhile.
    while ((await from.cluster('COUNTKEYSINSLOT', slot)) > 0) await keys();
    for (const client of [to, from]) await client.cluster('SETSLOT', slot, 'NODE', ids[1]!);
  };
  return { from: masters[at]!, to: masters[next]!, keys, end };
}

/** A name whose lock is on that master of a cluster of three. */
export function nameAt(master: number): string {
  for (;;) {
    const name = freshName();
    if (Math.floor((slotOf(`coordination:lock:${name}`) * 3) / SLOTS) === master) return name;
  }
}

/** Moves the slot of a hash tag, with its keys, to another master; returns where it was, and where it is. */
export async function moveSlot(
  masters: readonly RedisServer[],
  tag: string,
): Promise<[from: RedisServer, to: RedisServer]> {
  const move = await beginMove(masters, tag);
  await move.end();
  return [move.from, move.to];
}
