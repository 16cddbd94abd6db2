import { bareRedlock, rawLock, TTL } from '../bare-redis.js';
import { startCoordinator } from '../coordinators.js';
import { separateCores } from '../pin.js';
import type { Contender, Scenario } from '../scenario.js';
import { startRedisNodes, stopAllRedis } from '../../support/redis-server.js';
import type { CoordinatorService } from 'nestjs-coordination';

const FLOOR = 'raw: SET NX PX, EVALSHA compare and delete';
const REDLOCK = 'redlock 5, bare';

function pair(coordinator: CoordinatorService): Contender {
  const lock = coordinator.getLock('ours');
  return {
    name: 'lock.acquire() + lock.release()',
    run: async () => {
      await lock.acquire();
      await lock.release();
    },
  };
}

function using(coordinator: CoordinatorService): Contender {
  return { name: 'coordinator.using()', run: () => coordinator.using('ours', () => undefined) };
}

/** An uncontended acquire and release on so many Redis nodes. */
export function redisPair(nodes: number): Scenario {
  return scenarioOf(`redis-${nodes}`, 'acquire + release', nodes, pair);
}

/** Apart from the pair: `using` has Node follow async contexts, which every promise of the process pays for. */
export function redisUsing(nodes: number): Scenario {
  return scenarioOf(`redis-${nodes}-using`, 'acquire + release in an async context', nodes, using);
}

function scenarioOf(
  id: string,
  what: string,
  nodes: number,
  ours: (coordinator: CoordinatorService) => Contender,
): Scenario {
  return {
    id,
    title: `${what}, nobody else wants it, ${nodes} Redis node${nodes === 1 ? '' : 's'}`,
    unit: 'µs',
    figure: 'median',
    operations: 100,
    rounds: 40,
    comparisons: [
      { against: FLOOR, by: 'ratio' },
      { against: REDLOCK, by: 'ratio' },
    ],
    prepare: async () => {
      const servers = await startRedisNodes(nodes);
      separateCores(servers.map(({ pid }) => pid));
      const raw = await rawLock(servers.map((server) => server.client()));
      const redlock = new bareRedlock(servers.map((server) => server.client()));
      const hosts = servers.map(({ url }) => new URL(url).host).join(',');
      const coordinator = await startCoordinator(`redis://${hosts}`);
      return {
        contenders: [
          { name: FLOOR, run: async () => raw.release('raw', await raw.acquire('raw')) },
          { name: REDLOCK, run: async () => (await redlock.acquire(['redlock'], TTL)).release() },
          ours(coordinator),
        ],
        close: async () => {
          await coordinator.stop();
          await stopAllRedis();
        },
      };
    },
  };
}
