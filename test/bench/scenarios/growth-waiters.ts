import { contendersHere, merged } from '../contenders.js';
import { lockKind, pairOf, type Place } from '../locks/index.js';
import type { Scenario, Setup } from '../scenario.js';
import { durationOf } from '../timed.js';
import { atEach, points, pointsAgainst } from './growth.js';

const WAITERS = [1, 10, 100, 1000];
const QUEUE = lockKind('raw-queue').name;
const OURS = lockKind('ours').name;

/** More and more callers of one process, none of which does anything with the lock. */
export const growthWithWaiters: Scenario = {
  id: 'growth-waiters',
  title: 'time per lease with so many callers of one process for one lock, which do no work',
  size: 1,
  sizeUnit: 'crowd of each number',
  rounds: 10,
  warmUps: 2,
  short: { size: 1, rounds: 1, warmUps: 0 },
  measures: points(WAITERS, (count) => `${count} caller${count === 1 ? '' : 's'}`, 'µs'),
  comparisons: pointsAgainst(QUEUE, WAITERS),
  prepare: async (bench) => {
    const redis = await bench.redis(1);
    return merged(
      crowds('raw-queue', QUEUE, redis),
      crowds('ours', `${OURS}, 1 node`, redis),
      crowds('ours', `${OURS}, memory`, bench.memory()),
      crowds('ours', `${OURS}, file`, await bench.files()),
    );
  },
};

function crowds(kind: string, name: string, place: Place): Setup {
  const { contenders, close } = contendersHere([kind], place, (locks) => () => {
    const together = (count: number) =>
      Promise.all(Array.from({ length: count }, () => pairOf(locks.lock('wanted'))()));
    return atEach(WAITERS, async (count) => (1000 * (await durationOf(() => together(count)))) / count);
  });
  return { contenders: contenders.map((contender) => ({ ...contender, name })), close };
}
