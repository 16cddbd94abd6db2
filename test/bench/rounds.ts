import { quantile } from './statistics.js';
import type { Contender, Samples, Scenario } from './scenario.js';

const PER_MS = { ms: 1, µs: 1000 };

/** Set by `--expose-gc`. */
declare const gc: ((options?: { type: 'minor' }) => void) | undefined;

/**
 * Measures the contenders in turn, round by round, so that whatever else the machine does meets all of them alike.
 * Each round begins with another contender.
 */
export async function measure(scenario: Scenario, operations: number, rounds: number): Promise<Samples> {
  const { contenders, close } = await scenario.prepare();
  const samples: Samples = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  try {
    // Long enough for the compiler to be done.
    for (let round = 0; round < rounds / 2; round += 1) {
      for (const contender of contenders) await measureOne(contender, scenario.figure, operations);
    }
    for (let round = 0; round < rounds; round += 1) {
      for (let turn = 0; turn < contenders.length; turn += 1) {
        const contender = contenders[(round + turn) % contenders.length];
        if (!contender) continue;
        if (typeof gc === 'function') gc({ type: 'minor' });
        const figure = await measureOne(contender, scenario.figure, operations);
        samples[contender.name]?.push(figure * PER_MS[scenario.unit]);
      }
    }
  } finally {
    await close();
  }
  return samples;
}

/** In ms per operation. */
async function measureOne(
  { run }: Contender,
  figure: Scenario['figure'],
  operations: number,
): Promise<number> {
  const times: number[] = [];
  const start = performance.now();
  for (let index = 0; index < operations; index += 1) {
    const before = figure === 'median' ? performance.now() : 0;
    const pending = run();
    if (pending) await pending;
    if (figure === 'median') times.push(performance.now() - before);
  }
  return figure === 'median' ? quantile(times, 0.5) : (performance.now() - start) / operations;
}
