import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { bareRedlock, rawLock, TTL } from '../bare-redis.js';
import { startCoordinator } from '../coordinators.js';
import { separateCores } from '../pin.js';
import type { Contender, Scenario } from '../scenario.js';
import { startRedisNodes, stopAllRedis } from '../../support/redis-server.js';

const WAITERS = 50;
const FLOOR = 'a queue in front of raw commands';

function together(name: string, lockAndWork: () => Promise<unknown>): Contender {
  return { name, run: () => Promise.all(Array.from({ length: WAITERS }, lockAndWork)) };
}

const work = (): Promise<void> => after(1);

/** 50 calls at once in one process, each of which holds the same lock for 1 ms. */
export function redisWaiters(nodes: number): Scenario {
  return {
    id: `waiters-${nodes}`,
    title: `${WAITERS} waiters of one process on one lock, 1 ms each, ${nodes} Redis node${nodes === 1 ? '' : 's'}`,
    unit: 'ms',
    figure: 'median',
    operations: 1,
    rounds: 8,
    comparisons: [{ against: FLOOR, by: 'ratio' }],
    prepare: async () => {
      const servers = await startRedisNodes(nodes);
      separateCores(servers.map(({ pid }) => pid));
      const raw = await rawLock(servers.map((server) => server.client()));
      const clients = servers.map((server) => server.client());
      const redlock = new bareRedlock(clients, { retryCount: -1, retryDelay: 10, retryJitter: 5 });
      const coordinator = await startCoordinator(
        `redis://${servers.map(({ url }) => new URL(url).host).join(',')}`,
      );
      let queue: Promise<void> = Promise.resolve();
      const inTurn = (body: () => Promise<void>): Promise<void> => (queue = queue.then(body));
      return {
        contenders: [
          together(FLOOR, () =>
            inTurn(async () => {
              const id = await raw.acquire('raw');
              await work();
              await raw.release('raw', id);
            }),
          ),
          together('redlock 5, bare, tries again every 5 to 15 ms', async () => {
            const lock = await redlock.acquire(['redlock'], TTL);
            await work();
            await lock.release();
          }),
          together('coordinator.using()', () => coordinator.using('ours', work)),
        ],
        close: async () => {
          await coordinator.stop();
          await stopAllRedis();
        },
      };
    },
  };
}

/** The same without a server. */
export const localWaiters: Scenario = {
  id: 'waiters',
  title: `${WAITERS} waiters of one process on one lock, 1 ms each`,
  unit: 'ms',
  figure: 'median',
  operations: 1,
  rounds: 8,
  comparisons: [{ against: 'a queue alone', by: 'ratio' }],
  prepare: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'coordination-bench-'));
    const file = await startCoordinator(`file://${directory}`);
    const memory = await startCoordinator('memory:');
    let queue: Promise<void> = Promise.resolve();
    return {
      contenders: [
        together('a queue alone', () => (queue = queue.then(work))),
        together('coordinator.using(), memory back end', () => memory.using('ours', work)),
        together('coordinator.using(), file back end', () => file.using('ours', work)),
      ],
      close: async () => {
        await Promise.all([file.stop(), memory.stop()]);
        await rm(directory, { recursive: true });
      },
    };
  },
};
