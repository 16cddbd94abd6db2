import type { Bench } from '../bench.js';
import { closeAll } from '../contenders.js';
import { lockKind, type Locks, pairOf, type Place } from '../locks/index.js';
import type { Contender, Figures, Scenario } from '../scenario.js';
import { medianOf } from '../timed.js';
import { atEach, points, pointsAgainst } from './growth.js';

const NODES = [1, 3, 5];

/** Pairs on more and more nodes. */
export const growthWithNodes: Scenario = {
  id: 'growth-nodes',
  title: 'acquire + release, nobody else wants it, on so many Redis nodes',
  size: 100,
  sizeUnit: 'pairs for each number of nodes',
  rounds: 30,
  warmUps: 10,
  short: { size: 10, rounds: 1, warmUps: 0 },
  measures: points(NODES, (count) => `${count} node${count === 1 ? '' : 's'}`, 'µs'),
  comparisons: pointsAgainst(lockKind('raw').name, NODES),
  prepare: async (bench) => {
    const places = await placesApart(bench);
    const opened: Locks[] = [];
    const contenders: Contender[] = [];
    for (const id of bench.taking('raw', 'redlock', 'ours', 'redis-semaphore', 'redlock-universal')) {
      contenders.push({ name: lockKind(id).name, measure: await onEach(id, places, opened) });
    }
    return { contenders, close: () => closeAll(opened) };
  },
};

/** Different nodes for each number: the list of nodes is a part of the lock. */
async function placesApart(bench: Bench): Promise<Place[]> {
  const places: Place[] = [];
  let from = 0;
  for (const count of NODES) {
    places.push(await bench.redis(count, from));
    from += count;
  }
  return places;
}

async function onEach(id: string, places: readonly Place[], opened: Locks[]): Promise<Contender['measure']> {
  const pairs = new Map<number, () => Promise<void>>();
  for (const place of places) {
    const locks = await lockKind(id).open(place);
    opened.push(locks);
    pairs.set(place.nodes.length, pairOf(locks.lock('pair')));
  }
  return (size): Promise<Figures> =>
    atEach(NODES, (count) => medianOf(pairs.get(count) as () => Promise<void>, size));
}
