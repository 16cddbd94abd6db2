import { expect, it } from 'vitest';
import { ClusterNode, type ClusterNodeSettings } from '../../lib/drivers/redis/node/cluster-node.js';
import type { Connection, ConnectionOwner } from '../../lib/drivers/redis/connection/connection.js';
import { NodeError } from '../../lib/drivers/redis/errors/node-error.js';
import type { ClusterPlan, ServerPlan } from '../../lib/drivers/redis/connection/node-plan.js';
import type { RedisNode, RedisNodeSettings } from '../../lib/drivers/redis/node/redis-node.js';
import { FakeClock, settled } from '../support/fake-clock.js';

const ADDRESS = { host: '127.0.0.1', port: 7000 };
const SLOTS = [[0, 16_383, [ADDRESS.host, ADDRESS.port]]];

/** A Cluster of one server, which answers nothing more after it was connected. */
function silentCluster() {
  const clock = new FakeClock();
  let connections = 0;
  let away: (() => void) | undefined;
  let asked = false;
  const connect = ({ verify }: Pick<ConnectionOwner, 'verify'>): Connection => ({
    start: () => {
      connections += 1;
      return verify({ cluster: () => Promise.resolve(SLOTS) } as unknown as Parameters<typeof verify>[0]);
    },
    fail: () => undefined,
    stop: () => Promise.resolve(),
  });
  const serverPlan = {
    name: 'server',
    secrets: [],
    commandTimeout: 100,
    topology: 'shard' as const,
    address: ADDRESS,
  };
  const plan: ClusterPlan = {
    name: 'cluster',
    secrets: [],
    commandTimeout: 100,
    topology: 'cluster',
    keyPrefix: '',
    seeds: () => [ADDRESS],
    serverAt: () => ({ ...serverPlan, connect, subscribe: connect }),
  };
  const nodeFor = (of: ServerPlan, { cluster }: Partial<RedisNodeSettings>): RedisNode => {
    let fail = (_error: NodeError): void => undefined;
    if (cluster) away = () => cluster.onAway();
    const node = {
      name: of.name,
      plan: of,
      up: true,
      well: true,
      start: () => Promise.resolve(),
      stop: () => {
        fail(new NodeError('stopped', { sent: false }));
        return Promise.resolve();
      },
      send: () => {
        asked = true;
        return new Promise((_resolve, reject) => (fail = reject));
      },
      takeDebts: () => [],
      sayDown: () => undefined,
    };
    return node as unknown as RedisNode;
  };
  const settings: ClusterNodeSettings = {
    clock,
    random: () => 0,
    warn: () => undefined,
    preflightKey: (random) => random,
    nodeFor,
    onGone: () => undefined,
  };
  const cluster = new ClusterNode(plan, settings);
  return { clock, cluster, connections: () => connections, asked: () => asked, away: () => away?.() };
}

it('opens no connection when it is stopped while a server is asked for the slots', async () => {
  const { clock, cluster, connections, asked, away } = silentCluster();
  const start = cluster.start();
  await settled();
  await start;
  expect(connections()).toBe(1);
  away();
  await clock.advance(60_000);
  expect(asked()).toBe(true);
  await cluster.stop();
  expect(connections()).toBe(1);
  expect(clock.timers).toBe(0);
});
