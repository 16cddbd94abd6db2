import type { Bench } from '../bench.js';
import { closing, contendersHere, merged } from '../contenders.js';
import type { Crew } from '../crew/crew.js';
import { Gathering, servingLimit } from '../crew/gathering.js';
import { lockKind } from '../locks/index.js';
import type { Figures, Scenario, Setup } from '../scenario.js';
import { type Origins, Traffic } from '../traffic.js';

export const PROCESSES = 4;
/** How long to look at those who wait, ms. */
export const LOOK = { full: 2000, short: 200 };

/** The kinds that serve a line whose cost per lease does not grow with its length. */
export const LONG = ['ours', 'ours-fair'];

export const crowdBase: Omit<Scenario, 'id' | 'title' | 'size' | 'comparisons' | 'prepare'> = {
  sizeUnit: 'waiters of each process',
  rounds: 1,
  warmUps: 0,
  short: { size: 25, rounds: 1, warmUps: 0 },
  measures: [
    { key: 'waiting', label: 'CPU of a process that waits', unit: '% of a core', better: 'lower' },
    { key: 'serving', label: 'CPU while they are served', unit: '% of a core', better: 'lower' },
    { key: 'served', label: 'served', unit: '%', better: 'higher' },
    { key: 'each', label: 'time per lease', unit: 'ms', better: 'lower', charted: true },
    { key: 'commands', label: 'commands per lease', unit: '', better: 'lower' },
    { key: 'published', label: 'messages per lease', unit: '', better: 'lower' },
  ],
};

/** A thousand waiters of several processes for one lock. */
export const largeCrowd: Scenario = {
  ...crowdBase,
  id: 'crowd',
  title: `${PROCESSES} processes with 250 waiters each on one lock, 1 ms each, 1 Redis node`,
  size: 250,
  comparisons: [{ measure: 'each', against: lockKind('redlock-tuned').name, by: 'ratio' }],
  prepare: (bench) => {
    const kinds = bench.short
      ? ['redlock-tuned', ...LONG]
      : bench.taking(
          ...['raw', 'redlock-tuned', ...LONG],
          ...['redis-semaphore', 'redlock-universal-tuned', 'murlock-tuned'],
        );
    return gathered(bench, kinds, 250);
  },
};

/** Ten times as many. */
export const hugeCrowd: Scenario = {
  ...crowdBase,
  id: 'crowd-10000',
  title: `${PROCESSES} processes with 2500 waiters each on one lock, 1 ms each, 1 Redis node`,
  size: 2500,
  comparisons: [{ measure: 'each', against: lockKind('ours').name, by: 'ratio' }],
  prepare: (bench) => gathered(bench, bench.taking(...LONG), 2500),
};

async function gathered(bench: Bench, kinds: readonly string[], waiters: number): Promise<Setup> {
  const place = await bench.redis(1);
  const traffic = await Traffic.on(place.nodes);
  const processes = bench.processes(PROCESSES);
  await bench.crew.assemble(processes, { kinds, place });
  const look = bench.short ? LOOK.short : LOOK.full;
  const contenders = contendersHere(
    kinds,
    place,
    (locks, kind) => {
      const gathering = new Gathering(bench.crew, processes, kind, locks);
      return measured(gathering, bench.crew, traffic, look);
    },
    2 * servingLimit(waiters * processes),
  );
  return merged(contenders, closing(traffic));
}

function measured(gathering: Gathering, crew: Crew, traffic: Traffic, look: number) {
  let origins: Origins | undefined;
  return async (size: number): Promise<Figures> => {
    try {
      origins ??= await traffic.learn(async () => {
        await gathering.gather(5, 0);
        await gathering.serve();
      });
      const waiting = await gathering.gather(size, look);
      const { result, sent, published } = await traffic.during(origins, () => gathering.serve());
      const { leases, ...figures } = result;
      return { ...figures, waiting, commands: sent / leases, published: published / leases };
    } catch (error) {
      // Some of them still wait.
      await crew.end();
      throw error;
    }
  };
}
