import { contendersHere } from '../contenders.js';
import { lockKind, pairOf } from '../locks/index.js';
import type { Scenario } from '../scenario.js';
import { medianOf } from '../timed.js';
import { atEach, points, pointsAgainst } from './growth.js';

const NAMES = [10, 1000, 10_000];
/** Has no factor in common with any of them, so that all names come up, and not in order. */
const STRIDE = 7919;

/** Pairs on more and more different names. */
export const growthWithNames: Scenario = {
  id: 'growth-names',
  title: 'acquire + release, the next one on another name, 1 Redis node',
  size: 100,
  sizeUnit: 'pairs for each number of names',
  rounds: 30,
  warmUps: 10,
  short: { size: 10, rounds: 1, warmUps: 0 },
  measures: points(NAMES, (count) => `${count} names`, 'µs'),
  comparisons: pointsAgainst(lockKind('raw').name, NAMES),
  prepare: async (bench) =>
    contendersHere(['raw', 'redlock', 'ours'], await bench.redis(1), (locks) => {
      let turn = 0;
      const pair = (names: number): Promise<void> => {
        turn += STRIDE;
        return pairOf(locks.lock(`of-${names}-${turn % names}`))();
      };
      return (size) => atEach(NAMES, (names) => medianOf(() => pair(names), size));
    }),
};
