/*
 * Runs jobs on three replicas whose clocks are set apart, kills and stops them at random, and judges what ran: jobs of each second and
 * of five, and then one of each minute, whose runs take up to 5 s, with all clocks and timers running six times as fast.
 *
 *   npm run jobs -- [--seconds 600] [--jobs seconds|minutes] [--backend 'a file back end' | 'one Redis node' | 'three Redis nodes'] [--calm]
 */
import { parseArgs } from 'node:util';
import { BACKENDS, cleanUp } from '../../e2e/replicas/backends.js';
import { runCampaign } from './campaign.js';
import { endFastClocks, fastClocks } from './fast-clocks.js';

/** How many times as fast clocks run where a job fires each minute. */
const FAST = 6;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    jobs: { type: 'string', multiple: true, default: ['seconds', 'minutes'] },
    backend: { type: 'string', multiple: true, default: Object.keys(BACKENDS) },
    /** No faults: the figures of doubles and missed ticks beside those of plain @Cron and of a lock. */
    calm: { type: 'boolean', default: false },
  },
});

let failed = false;

async function run(backend: string, onCrash: 'skip' | 'rerun', jobs: 'seconds' | 'minutes'): Promise<void> {
  const start = BACKENDS[backend];
  if (!start)
    throw new Error(`there is no back end ${backend}; known are ${Object.keys(BACKENDS).join(', ')}`);
  const fast = jobs === 'minutes' ? await fastClocks(FAST) : undefined;
  if (jobs === 'minutes' && !fast)
    return console.log(
      `${backend}, each minute: left out, as there is no C compiler to move the clocks with`,
    );
  const report = await runCampaign({
    backendUrl: await start(fast?.redis),
    seconds: Number(values.seconds),
    onCrash,
    skews: [-2000, 0, 2000],
    jobs,
    ...(fast && { speed: fast.speed }),
    faults: !values.calm,
    random: Math.random,
  });
  const { ran, doubles, missed, unfinished, controls, kills, stops } = report;
  console.log(
    `${backend}, jobs of ${jobs}, onCrash ${onCrash}: ${ran} ticks ran; ${doubles.length} doubles, ${missed.length} missed, ${report.overlapped.length} overlapped, ${unfinished.length} unfinished; ${kills} kills, ${stops} stops; doubles of plain @Cron ${controls.plain}, of a lock that skips ${controls.locked}`,
  );
  for (const line of [...doubles, ...missed, ...unfinished]) console.log(`  ${line}`);
  failed ||= doubles.length + missed.length + unfinished.length > 0;
  await cleanUp();
  await endFastClocks();
}

for (const backend of values.backend)
  for (const jobs of values.jobs)
    for (const onCrash of values.calm ? (['skip'] as const) : (['skip', 'rerun'] as const))
      await run(backend, onCrash, jobs === 'minutes' ? 'minutes' : 'seconds');
process.exitCode = failed ? 1 : 0;
