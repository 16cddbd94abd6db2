import { closeAll } from '../contenders.js';
import { lockKind, type Handle, type Locks, type Place } from '../locks/index.js';
import type { Figures, Scenario } from '../scenario.js';
import { quantile } from '../statistics.js';
import { within } from '../within.js';

/** One that has not got a lock by then hangs, ms. */
const LIMIT = 15_000;
/** A pair that takes so long, ms, when the stop is no news any more, will do so every time. */
const SLOW = 1000;

/** What a node costs that is stopped: it neither answers nor closes its connections. */
export const stoppedNode: Scenario = {
  id: 'stopped-node',
  title: 'acquire + release, nobody else wants it, one of three Redis nodes stopped (SIGSTOP)',
  size: 200,
  sizeUnit: 'pairs',
  rounds: 20,
  warmUps: 3,
  short: { size: 20, rounds: 2, warmUps: 1 },
  measures: [
    { key: 'p50Ratio', label: 'p50, relative to three healthy nodes', unit: '×', better: 'lower' },
    {
      key: 'p99Ratio',
      label: 'p99, relative to three healthy nodes',
      unit: '×',
      better: 'lower',
      charted: true,
    },
    { key: 'p50', label: 'p50', unit: 'µs', better: 'lower' },
    { key: 'p99', label: 'p99', unit: 'µs', better: 'lower' },
    { key: 'first', label: 'first acquire after the stop', unit: 'ms', better: 'lower' },
  ],
  comparisons: [],
  prepare: async (bench) => {
    const healthy = await bench.redis(3);
    const hurt = await bench.redis(3, 3);
    const opened: Locks[] = [];
    const kinds = bench.taking('raw', 'redlock', 'ours', 'redis-semaphore', 'redlock-universal');
    const pairs = await Promise.all(kinds.map((id) => openBoth(id, healthy, hurt, opened)));
    const stopped = hurt.servers[2]?.pid ?? 0;
    process.kill(stopped, 'SIGSTOP');
    return {
      contenders: kinds.map((id, index) => ({
        name: lockKind(id).name,
        limit: 3 * LIMIT,
        measure: measured(pairs[index] as Both),
      })),
      close: async () => {
        process.kill(stopped, 'SIGCONT');
        await closeAll(opened);
      },
    };
  },
};

interface Both {
  readonly healthy: Handle;
  readonly hurt: Handle;
}

async function openBoth(id: string, healthy: Place, hurt: Place, opened: Locks[]): Promise<Both> {
  const { open } = lockKind(id);
  const both = [await open(healthy), await open(hurt)] as const;
  opened.push(...both);
  return { healthy: both[0].lock('pair'), hurt: both[1].lock('pair') };
}

/** Pair by pair, on both sets of nodes in turn. */
function measured({ healthy, hurt }: Both) {
  let first: number | undefined;
  return async (size: number): Promise<Figures> => {
    if (first === undefined) {
      first = await timeOf(hurt);
      const second = await timeOf(hurt);
      if (second > SLOW) throw new Error(`takes ${(second / 1000).toFixed(1)} s for each pair`);
    }
    const times = { healthy: [] as number[], hurt: [] as number[] };
    for (let index = 0; index < size; index += 1) {
      times.healthy.push(await timeOf(healthy));
      times.hurt.push(await timeOf(hurt));
    }
    const at = (share: number) => 1000 * quantile(times.hurt, share);
    const ratio = (share: number) => quantile(times.hurt, share) / quantile(times.healthy, share);
    return { p50Ratio: ratio(0.5), p99Ratio: ratio(0.99), p50: at(0.5), p99: at(0.99), first };
  };
}

/** ms. */
async function timeOf(handle: Handle): Promise<number> {
  const since = performance.now();
  await within(LIMIT, handle.acquire());
  await within(LIMIT, handle.release());
  return performance.now() - since;
}
