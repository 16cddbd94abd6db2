import { startCoordinator } from '../locks/coordinators.js';
import type { Contender, Scenario } from '../scenario.js';
import { meanOf, medianOf } from '../timed.js';
import { onNodes } from './words.js';

const TWO_LOCKS = 'two locks, one after the other';
const ENTRY = 'the body alone';

const base: Pick<Scenario, 'sizeUnit' | 'rounds' | 'warmUps'> = {
  sizeUnit: 'pairs',
  rounds: 40,
  warmUps: 60,
};

/** What it costs to take two locks as one, beside what two cost by themselves. */
export function severalNames(nodes: number): Scenario {
  return {
    ...base,
    id: `two-names-${nodes}`,
    title: `acquire + release of two names, nobody else wants them, ${onNodes(nodes)}`,
    size: 100,
    short: { size: 5, rounds: 2, warmUps: 1 },
    measures: [{ key: 'pair', label: 'p50', unit: 'µs', better: 'lower' }],
    comparisons: [{ measure: 'pair', against: TWO_LOCKS, by: 'ratio' }],
    prepare: async (bench) => {
      const coordinator = await startCoordinator((await bench.redis(nodes)).backendUrl);
      const [one, two] = [coordinator.getLock('one'), coordinator.getLock('two')];
      const both = coordinator.getLock(['two', 'one']);
      const contender = (name: string, pair: () => Promise<unknown>): Contender => ({
        name,
        measure: async (size) => ({ pair: await medianOf(pair, size) }),
      });
      return {
        contenders: [
          contender(TWO_LOCKS, async () => {
            await one.acquire();
            await two.acquire();
            await Promise.all([two.release(), one.release()]);
          }),
          contender("getLock(['two', 'one'])", async () => {
            await both.acquire();
            await both.release();
          }),
        ],
        close: () => coordinator.stop(),
      };
    },
  };
}

/** A call that enters the lock of its caller sends no command. */
export const reentry: Scenario = {
  ...base,
  id: 'reentry',
  title: `a call inside of the holder of its lock, ${onNodes(1)}`,
  size: 2000,
  sizeUnit: 'calls',
  short: { size: 100, rounds: 2, warmUps: 1 },
  measures: [{ key: 'call', label: 'mean', unit: 'µs', better: 'lower' }],
  comparisons: [{ measure: 'call', against: ENTRY, by: 'difference' }],
  prepare: async (bench) => {
    const coordinator = await startCoordinator((await bench.redis(1)).backendUrl);
    const body = async (): Promise<void> => undefined;
    const inside = coordinator.getLock('shares', { reentrant: true });
    const contender = (name: string, call: () => Promise<unknown>): Contender => ({
      name,
      measure: (size) => coordinator.using('shares', async () => ({ call: await meanOf(call, size) })),
    });
    return {
      contenders: [contender(ENTRY, body), contender('using() with reentrant', () => inside.using(body))],
      close: () => coordinator.stop(),
    };
  },
};
