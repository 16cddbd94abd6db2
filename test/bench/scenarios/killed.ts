import { setTimeout as after } from 'node:timers/promises';
import { contendersHere } from '../contenders.js';
import type { Crew } from '../crew/crew.js';
import { longestPause } from '../crew/contention.js';
import type { Handle } from '../locks/index.js';
import { monotonicNow } from '../monotonic.js';
import type { Scenario } from '../scenario.js';
import { onNodes } from './words.js';

const PROCESSES = 4;
const WAITERS = 20;
/** For the waiters to have found their places, ms. */
const SETTLING = 300;

/** One of several processes with waiters is killed while it waits. */
export function killedProcess(nodes: number): Scenario {
  return {
    id: `killed-${nodes}`,
    title: `one of ${PROCESSES} processes with ${WAITERS} waiters each is killed (SIGKILL) while it waits, ${onNodes(nodes)}`,
    size: 3000,
    sizeUnit: 'ms',
    rounds: 3,
    warmUps: 0,
    short: { size: 200, rounds: 1, warmUps: 0 },
    measures: [
      { key: 'pause', label: 'longest time in which nobody has the lock', unit: 'ms', better: 'lower' },
    ],
    comparisons: [],
    prepare: async (bench) => {
      const kinds = bench.short
        ? ['redlock-tuned', 'ours-fair']
        : bench.taking('raw', 'redlock-tuned', 'ours', 'ours-fair', 'redis-semaphore');
      const place = await bench.redis(nodes);
      const processes = bench.processes(PROCESSES);
      await bench.crew.assemble(processes, { kinds, place });
      return contendersHere(
        kinds,
        place,
        (locks, kind) => {
          const handle = locks.lock(`killed-${kind}`);
          return async (ms) => ({ pause: await pauseAfterDeath(bench.crew, processes, kind, handle, ms) });
        },
        60_000,
      );
    },
  };
}

/** This process has the lock when one of the others dies, and frees it then. */
async function pauseAfterDeath(
  crew: Crew,
  processes: number,
  kind: string,
  handle: Handle,
  ms: number,
): Promise<number> {
  const members = await crew.members(processes);
  await handle.acquire();
  const contending = members.map((member) =>
    member.ask('contend', {
      kind,
      key: `killed-${kind}`,
      from: monotonicNow(),
      ms: SETTLING + ms,
      hold: 2,
      think: 4,
      loops: WAITERS,
    }),
  );
  const [dying, ...others] = contending;
  dying?.catch(() => undefined);
  await after(SETTLING);
  await members[0]?.end();
  const since = monotonicNow();
  await handle.release();
  return longestPause(await Promise.all(others), since);
}
