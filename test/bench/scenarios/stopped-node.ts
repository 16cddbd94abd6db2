import { startRedisNodes, stopAllRedis, type RedisServer } from '../../support/redis-server.js';
import { startCoordinator } from '../coordinators.js';
import { separateCores } from '../pin.js';
import type { Contender, Scenario } from '../scenario.js';

const HEALTHY = 'three healthy nodes';

async function contender(name: string, servers: readonly RedisServer[]) {
  const hosts = servers.map(({ url }) => new URL(url).host).join(',');
  const coordinator = await startCoordinator(`redis://${hosts}`);
  const lock = coordinator.getLock('ours');
  const run: Contender['run'] = async () => {
    await lock.acquire();
    await lock.release();
  };
  return { coordinator, contender: { name, run } };
}

/** What a node costs that is stopped: it neither answers nor closes its connections. */
export const stoppedNode: Scenario = {
  id: 'stopped-node',
  title: 'acquire + release, nobody else wants it, one of three Redis nodes stopped (SIGSTOP)',
  unit: 'µs',
  figure: 'median',
  operations: 100,
  rounds: 40,
  comparisons: [{ against: HEALTHY, by: 'ratio' }],
  prepare: async () => {
    const servers = await startRedisNodes(6);
    separateCores(servers.map(({ pid }) => pid));
    const healthy = await contender(HEALTHY, servers.slice(0, 3));
    const hurt = await contender('one of three stopped', servers.slice(3));
    servers.at(-1)?.pause();
    // The first one finds out.
    await hurt.contender.run();
    return {
      contenders: [healthy.contender, hurt.contender],
      close: async () => {
        await Promise.all([healthy.coordinator.stop(), hurt.coordinator.stop()]);
        servers.at(-1)?.resume();
        await stopAllRedis();
      },
    };
  },
};
