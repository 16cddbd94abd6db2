/*
 * Measures what the package costs and gives, beside raw commands and other packages: each scenario in processes of its
 * own, or briefly in one with --short, which shows that the benchmarks work and nothing else.
 *
 *   npm run bench -- [--short] [--only 'pair,1 Redis node'] [--runs 3] [--json figures.json] [--peers | --no-peers]
 *
 * --only takes ids of scenarios, or pieces of their ids and titles. The peers take part when they are installed:
 * npm ci --prefix test/bench/peers. `npm run bench:chart -- figures.json` makes tables and charts of the figures.
 */
import 'reflect-metadata';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  allowNegative: true,
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string' },
    runs: { type: 'string', default: '3' },
    json: { type: 'string' },
    peers: { type: 'boolean' },
    /** Of a process of its own: the one scenario to measure and to report to the parent. */
    measure: { type: 'string' },
    /** Of a process that contends with others: to do as it is told. */
    work: { type: 'boolean', default: false },
  },
});

// Each loads no more than it needs: there are many processes.
if (values.work) {
  const { serve } = await import('./crew/serve.js');
  serve();
} else if (values.measure !== undefined) {
  const { obey } = await import('./measuring.js');
  await obey(values.measure);
} else {
  const { reportAll } = await import('./report-all.js');
  await reportAll({ ...values, runs: Number(values.runs) });
}
