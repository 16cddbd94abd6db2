import { contendersHere, merged } from '../contenders.js';
import { startCoordinator } from '../locks/coordinators.js';
import { lockKind, pairOf } from '../locks/index.js';
import type { Comparison, Contender, Scenario } from '../scenario.js';
import { medianOf } from '../timed.js';
import { onNodes } from './words.js';

const RAW = lockKind('raw').name;
const REDLOCK = lockKind('redlock').name;

const base: Omit<Scenario, 'id' | 'title' | 'prepare'> = {
  size: 100,
  sizeUnit: 'pairs',
  rounds: 40,
  warmUps: 60,
  short: { size: 5, rounds: 2, warmUps: 1 },
  measures: [{ key: 'pair', label: 'p50', unit: 'µs', better: 'lower' }],
  comparisons: [RAW, REDLOCK].map((against): Comparison => ({ measure: 'pair', against, by: 'ratio' })),
};

/** An uncontended acquire and release on so many Redis nodes. */
export function redisPair(nodes: number): Scenario {
  return {
    ...base,
    id: `pair-${nodes}`,
    title: `acquire + release, nobody else wants it, ${onNodes(nodes)}`,
    prepare: async (bench) => {
      const kinds = bench.taking(
        ...['raw', 'commands', 'redlock', 'ours', 'redis-semaphore', 'redlock-universal', 'murlock'],
      );
      return contendersHere(kinds, await bench.redis(nodes), (locks) => {
        const pair = pairOf(locks.lock('pair'));
        return async (size) => ({ pair: await medianOf(pair, size) });
      });
    },
  };
}

/** Apart from the pair: `using` has Node follow async contexts, which every promise of the process pays for. */
export const redisUsing: Scenario = {
  ...base,
  id: 'using-1',
  title: `acquire + release in an async context, nobody else wants it, ${onNodes(1)}`,
  prepare: async (bench) => {
    const place = await bench.redis(1);
    const coordinator = await startCoordinator(place.backendUrl);
    const using: Contender = {
      name: 'nestjs-coordination, using()',
      measure: async (size) => ({
        pair: await medianOf(() => coordinator.using('pair', () => undefined), size),
      }),
    };
    const others = contendersHere(['raw', 'redlock'], place, (locks) => {
      const pair = pairOf(locks.lock('pair'));
      return async (size) => ({ pair: await medianOf(pair, size) });
    });
    return merged(others, { contenders: [using], close: () => coordinator.stop() });
  },
};
