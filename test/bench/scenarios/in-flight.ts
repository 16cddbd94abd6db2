import { bytesOf } from '../allocation.js';
import { contendersHere } from '../contenders.js';
import { type Handle, lockKind } from '../locks/index.js';
import type { Figures, Scenario } from '../scenario.js';

const NAMES = [100, 1000, 5000, 20_000];

/** A pair on each of so many names at once, again and again. */
async function pairsOn(handles: readonly Handle[], pairs: number): Promise<void> {
  let left = pairs;
  const loop = async (handle: Handle): Promise<void> => {
    for (; left > 0; left -= 1) {
      await handle.acquire();
      await handle.release();
    }
  };
  await Promise.all(handles.map(loop));
}

async function cpuOf(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** What a pair costs the client when more and more names are in flight. */
export const namesInFlight: Scenario = {
  id: 'in-flight',
  title: 'acquire + release on many names at once, what a pair costs the client, 1 Redis node',
  size: 20_000,
  sizeUnit: 'pairs for each number of names',
  rounds: 2,
  warmUps: 1,
  short: { size: 200, rounds: 1, warmUps: 0 },
  measures: NAMES.flatMap((names) => [
    { key: `cpu-${names}`, label: `CPU, ${names} names`, unit: 'µs', better: 'lower' as const },
    { key: `bytes-${names}`, label: `allocated, ${names} names`, unit: 'bytes', better: 'lower' as const },
  ]),
  comparisons: NAMES.flatMap((names) => [
    { measure: `cpu-${names}`, against: lockKind('redlock').name, by: 'ratio' as const },
    { measure: `bytes-${names}`, against: lockKind('redlock').name, by: 'ratio' as const },
  ]),
  prepare: async (bench) =>
    contendersHere(
      ['redlock', 'ours'],
      await bench.redis(1),
      (locks) => async (size) => {
        const figures: Record<string, number> = {};
        for (const names of NAMES) {
          const handles = Array.from({ length: Math.min(names, size) }, (_, name) =>
            locks.lock(`in-flight-${name}`),
          );
          const work = (): Promise<void> => pairsOn(handles, size);
          figures[`cpu-${names}`] = (await cpuOf(work)) / size;
          figures[`bytes-${names}`] = (await bytesOf(work)) / size;
        }
        return figures satisfies Figures;
      },
      180_000,
    ),
};
