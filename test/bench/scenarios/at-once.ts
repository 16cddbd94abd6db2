import { contendersHere } from '../contenders.js';
import { lockKind } from '../locks/index.js';
import type { Scenario } from '../scenario.js';
import { durationOf } from '../timed.js';
import { onNodes } from './words.js';

/** Very many locks that are asked for in one turn of the event loop, and then released in one. */
export function manyAtOnce(nodes: number, count: number): Scenario {
  let run = 0;
  return {
    id: `at-once-${nodes}-${count}`,
    title: `${count} locks at once, all acquired, then all released, ${onNodes(nodes)}`,
    size: count,
    sizeUnit: 'locks',
    rounds: 3,
    warmUps: 1,
    short: { size: 500, rounds: 1, warmUps: 0 },
    measures: [
      { key: 'acquired', label: 'all acquired', unit: 'ms', better: 'lower' },
      { key: 'released', label: 'all released', unit: 'ms', better: 'lower' },
      { key: 'both', label: 'both', unit: 'ms', better: 'lower' },
    ],
    comparisons: [{ measure: 'both', against: lockKind('redlock').name, by: 'ratio' }],
    prepare: async (bench) =>
      contendersHere(
        ['redlock', 'ours'],
        { ...(await bench.redis(nodes)), ttl: 60_000 },
        (locks) => async (size) => {
          run += 1;
          const handles = Array.from({ length: size }, (_, index) => locks.lock(`once-${run}-${index}`));
          const acquired = await durationOf(() => Promise.all(handles.map((handle) => handle.acquire())));
          const released = await durationOf(() => Promise.all(handles.map((handle) => handle.release())));
          return { acquired, released, both: acquired + released };
        },
        180_000,
      ),
  };
}
