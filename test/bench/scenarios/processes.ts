import { CONTEST_LIMIT, loop } from '../crew/contest.js';
import type { Contention } from '../crew/contention.js';
import type { Crew } from '../crew/crew.js';
import { lockKind } from '../locks/index.js';
import type { Figures, Measure, Scenario } from '../scenario.js';
import { type Origins, Traffic } from '../traffic.js';
import { onNodes } from './words.js';

const PROCESSES = 4;
const HOLD = 2;
/** How long the trial takes in which commands are told from each other, ms. */
const TRIAL = 100;

const COMMANDS: Measure = {
  key: 'commands',
  label: 'commands per lease',
  unit: '',
  better: 'lower',
  charted: true,
};

const MEASURES: readonly Measure[] = [
  { key: 'handOff', label: 'hand-off to another process, p50', unit: 'ms', better: 'lower' },
  { key: 'longest', label: 'longest wait', unit: 'ms', better: 'lower', charted: true },
  { key: 'rate', label: 'leases per second', unit: '/s', better: 'higher' },
  { key: 'least', label: 'smallest share of a process', unit: '%', better: 'higher' },
  { key: 'most', label: 'largest share', unit: '%', better: 'lower' },
  { key: 'crossing', label: 'leases that came from another process', unit: '%', better: 'higher' },
  { key: 'failed', label: 'given up', unit: '%', better: 'lower' },
];

const base: Omit<Scenario, 'id' | 'title' | 'measures' | 'comparisons' | 'prepare'> = {
  size: 1500,
  sizeUnit: 'ms',
  rounds: 3,
  warmUps: 1,
  short: { size: 150, rounds: 1, warmUps: 0 },
};

/** Processes that want the same lock on so many nodes, with a pause after each lease or none. */
export function redisProcesses(nodes: number, think: number): Scenario {
  const pause = think > 0 ? `${think} ms later` : 'at once';
  return {
    ...base,
    id: `processes-${nodes}${think > 0 ? '' : '-busy'}`,
    title: `${PROCESSES} processes on one lock, ${HOLD} ms each, again ${pause}, ${onNodes(nodes)}`,
    measures: [...MEASURES.slice(0, 2), COMMANDS, ...MEASURES.slice(2)],
    comparisons: [
      ...(nodes === 1 ? [{ measure: 'handOff', against: lockKind('baton').name, by: 'ratio' } as const] : []),
      { measure: 'handOff', against: lockKind('redlock-tuned').name, by: 'ratio' },
    ],
    prepare: async (bench) => {
      const kinds = bench.short
        ? ['redlock-tuned', 'ours', 'ours-fair']
        : bench.taking(
            ...(nodes === 1 ? ['baton', 'commands'] : []),
            ...['raw', 'redlock', 'redlock-tuned', 'ours', 'ours-fair'],
            ...['redis-semaphore', 'redlock-universal-tuned', 'murlock-tuned'],
          );
      const place = await bench.redis(nodes);
      const traffic = await Traffic.on(place.nodes);
      const processes = bench.processes(PROCESSES);
      await bench.crew.assemble(processes, { kinds, place });
      return {
        contenders: kinds.map((kind) => {
          const run = contestants(bench.crew, processes, kind, think);
          return { name: lockKind(kind).name, limit: CONTEST_LIMIT, measure: counted(traffic, run) };
        }),
        close: () => Promise.resolve(traffic.close()),
      };
    },
  };
}

/** Processes of one machine that want the same lock file, again at once. */
export function fileProcesses(count: number): Scenario {
  return {
    ...base,
    id: `file-processes-${count}`,
    title: `${count} processes on one lock, ${HOLD} ms each, again at once, file back end`,
    measures: MEASURES,
    comparisons: [{ measure: 'handOff', against: lockKind('kernel').name, by: 'ratio' }],
    prepare: async (bench) => {
      const kinds = ['kernel', 'ours', 'ours-fair'];
      const processes = bench.processes(count);
      await bench.crew.assemble(processes, { kinds, place: await bench.files() });
      return {
        contenders: kinds.map((kind) => {
          const run = contestants(bench.crew, processes, kind, 0);
          return {
            name: lockKind(kind).name,
            limit: CONTEST_LIMIT,
            measure: async (ms) => ({ ...(await run(ms)) }),
          };
        }),
        close: () => Promise.resolve(),
      };
    },
  };
}

function contestants(crew: Crew, processes: number, kind: string, think: number) {
  return (ms: number): Promise<Contention> =>
    loop(crew, processes, { kind, key: `wanted-${kind}`, ms, hold: HOLD, think, loops: 1 });
}

function counted(traffic: Traffic, run: (ms: number) => Promise<Contention>) {
  let origins: Origins | undefined;
  return async (ms: number): Promise<Figures> => {
    origins ??= await traffic.learn(() => run(TRIAL));
    const { sent, result } = await traffic.during(origins, () => run(ms));
    return { ...result, commands: sent / result.leases };
  };
}
