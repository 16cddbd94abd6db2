/*
 * Runs seeds and reports what the checker says about them; ends with 1 when there is a violation.
 *
 *   npm run simulate -- [--seeds 1000] [--seed 1] [--campaign 1|2] [--first] [--history file]
 *
 * Without a campaign both run. `--seed` alone replays that one seed; `--history` writes down what happened in it;
 * `--first` stops at the first violation.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Tally } from '../checker/index.js';
import { runSeed } from './run-seed.js';
import type { Campaign } from './scenario.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string' },
    campaign: { type: 'string' },
    history: { type: 'string' },
    first: { type: 'boolean', default: false },
  },
});

async function run(campaign: Campaign, first: number, count: number): Promise<boolean> {
  const tally = new Tally();
  const start = performance.now();
  let hash = '';
  let seed = first;
  for (; seed < first + count; seed += 1) {
    if (values.first && tally.violations > 0) break;
    const result = await runSeed(seed, campaign);
    tally.add(String(seed), result.history, result.violations);
    if (values.history !== undefined) await writeFile(values.history, result.lines());
    if (count === 1) hash = `, history ${result.hash()}`;
  }
  const minutes = (performance.now() - start) / 60_000;
  const what = count === 1 ? `seed ${first}${hash}` : `seeds ${first} to ${seed - 1}`;
  const speed = `${Math.round((seed - first) / minutes)} seeds a minute`;
  process.stdout.write(`${tally.text(`Campaign ${campaign}, ${what}, ${speed}`)}\n\n`);
  return tally.violations === 0;
}

// Redlock makes an error for every vote that it does not get; their stacks are worth a third of the time.
if (values.seed === undefined) Error.stackTraceLimit = 0;

const first = Number(values.seed ?? 1);
const count = Number(values.seeds ?? (values.seed === undefined ? 1000 : 1));
const campaigns: Campaign[] = values.campaign === undefined ? [1, 2] : [values.campaign === '1' ? 1 : 2];
for (const campaign of campaigns) if (!(await run(campaign, first, count))) process.exitCode = 1;
