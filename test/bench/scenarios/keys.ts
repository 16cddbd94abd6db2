import { contendersHere } from '../contenders.js';
import { lockKind, type Handle } from '../locks/index.js';
import type { Comparison, Scenario } from '../scenario.js';
import { durationOf } from '../timed.js';
import { onNodes } from './words.js';

export const KEYS = 64;

/** Each handle in a loop of its own, until all together have done so many pairs. */
export async function workOff(handles: readonly Handle[], pairs: number): Promise<void> {
  let left = pairs;
  const loop = async (handle: Handle): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await handle.acquire();
      await handle.release();
    }
  };
  await Promise.all(handles.map(loop));
}

/** Many locks at once, none of which anybody else wants. */
export function manyKeys(nodes: number): Scenario {
  return {
    id: `keys-${nodes}`,
    title: `${KEYS} different locks at once, acquire + release, ${onNodes(nodes)}`,
    size: 2000,
    sizeUnit: 'pairs',
    rounds: 15,
    warmUps: 5,
    short: { size: 128, rounds: 2, warmUps: 1 },
    measures: [{ key: 'rate', label: 'pairs per second', unit: '/s', better: 'higher' }],
    comparisons: [lockKind('raw').name, lockKind('redlock').name].map((against): Comparison => ({
      measure: 'rate',
      against,
      by: 'ratio',
    })),
    prepare: async (bench) => {
      const kinds = bench.taking('raw', 'redlock', 'ours', 'redis-semaphore', 'redlock-universal', 'murlock');
      return contendersHere(kinds, await bench.redis(nodes), (locks) => {
        const handles = Array.from({ length: KEYS }, (_, key) => locks.lock(`key-${key}`));
        return async (size) => ({ rate: (1000 * size) / (await durationOf(() => workOff(handles, size))) });
      });
    },
  };
}
