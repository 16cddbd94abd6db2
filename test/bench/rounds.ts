import type { Bench } from './bench.js';
import type { Contender, Figures, RunSamples, Samples, Scenario, Size } from './scenario.js';
import { within } from './within.js';

/** How long a round may take unless its contender says otherwise, ms. */
const LIMIT = 30_000;

/** Set by `--expose-gc`. */
declare const gc: ((options?: { type: 'minor' }) => void) | undefined;

/**
 * Measures the contenders in turn, round by round, so that whatever else the machine does meets all of them alike.
 * Each round begins with another contender, and every second one goes backwards, so that each follows on each.
 *
 * Who fails once, or hangs, takes no further part.
 */
export async function measure(
  scenario: Scenario,
  { size, rounds, warmUps }: Size,
  bench: Bench,
): Promise<RunSamples> {
  const { contenders, close } = await scenario.prepare(bench);
  const samples: RunSamples = Object.fromEntries(contenders.map(({ name }) => [name, { rounds: [] }]));
  try {
    // Long enough for the compiler to be done.
    for (let round = -warmUps; round < rounds; round += 1) {
      for (const contender of inTurn(contenders, round)) {
        const own = samples[contender.name] as Samples;
        const figures = own.failure === undefined ? await measureOne(contender, size, own) : undefined;
        if (round >= 0) own.rounds.push(figures);
      }
    }
  } finally {
    await close();
  }
  return samples;
}

function inTurn(contenders: readonly Contender[], round: number): readonly Contender[] {
  const first = Math.abs(round) % contenders.length;
  const turned = [...contenders.slice(first), ...contenders.slice(0, first)];
  return round % 2 === 0 ? turned : turned.toReversed();
}

async function measureOne(contender: Contender, size: number, own: Samples): Promise<Figures | undefined> {
  if (typeof gc === 'function') gc({ type: 'minor' });
  try {
    return await within(contender.limit ?? LIMIT, contender.measure(size));
  } catch (error) {
    own.failure = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
    return undefined;
  }
}
