/*
 * Runs jobs on three replicas whose clocks are set apart, kills and stops them at random, and judges what ran.
 *
 *   npm run jobs -- [--seconds 600] [--backend 'a file back end' | 'one Redis node' | 'three Redis nodes'] [--calm]
 */
import { parseArgs } from 'node:util';
import { BACKENDS, cleanUp } from '../../e2e/replicas/backends.js';
import { runCampaign } from './campaign.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    backend: { type: 'string', multiple: true, default: Object.keys(BACKENDS) },
    /** No faults: the figures of doubles and missed ticks beside those of plain @Cron and of a lock. */
    calm: { type: 'boolean', default: false },
  },
});

let failed = false;
for (const backend of values.backend) {
  const start = BACKENDS[backend];
  if (!start)
    throw new Error(`there is no back end ${backend}; known are ${Object.keys(BACKENDS).join(', ')}`);
  for (const onCrash of values.calm ? (['skip'] as const) : (['skip', 'rerun'] as const)) {
    const report = await runCampaign({
      backendUrl: await start(),
      seconds: Number(values.seconds),
      onCrash,
      skews: [-2000, 0, 2000],
      faults: !values.calm,
      random: Math.random,
    });
    const { ran, doubles, missed, unfinished, controls, kills, stops } = report;
    console.log(
      `${backend}, onCrash ${onCrash}: ${ran} ticks ran; ${doubles.length} doubles, ${missed.length} missed, ${report.overlapped.length} overlapped, ${unfinished.length} unfinished; ${kills} kills, ${stops} stops; doubles of plain @Cron ${controls.plain}, of a lock that skips ${controls.locked}`,
    );
    for (const line of [...doubles, ...missed, ...unfinished]) console.log(`  ${line}`);
    failed ||= doubles.length + missed.length + unfinished.length > 0;
    await cleanUp();
  }
}
process.exitCode = failed ? 1 : 0;
