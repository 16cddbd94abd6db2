/*
 * Measures how long it takes until somebody runs under a lock again, after its holder or its nodes were lost.
 *
 *   npm run recovery -- [--runs 7] [--ttl 1000] [--only 'kill -9']
 */
import 'reflect-metadata';
import { parseArgs } from 'node:util';
import { runCandidate } from '../../e2e/elections/candidate-process.js';
import { machine } from '../report.js';
import { summarize } from '../statistics.js';
import { renderMachine } from '../table.js';
import { cases } from './cases.js';
import { hold, type HoldOrder } from './parts.js';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '7' },
    ttl: { type: 'string', default: '1000' },
    only: { type: 'string', default: '' },
    /** Of the holder's process: what it is to do. */
    hold: { type: 'string' },
    /** Of a candidate's process: that it is one. */
    candidate: { type: 'boolean', default: false },
  },
});

async function measureAll(runs: number, ttl: number): Promise<void> {
  process.stdout.write(renderMachine(machine()));
  process.stdout.write(`ms until the next one runs under the lock; ttl ${ttl} ms, ${runs} runs\n\n`);
  process.stdout.write(row('', '', 'median', 'lowest–highest', 'median / ttl'));
  for (const { on, what, measure } of cases) {
    if (!`${on} ${what}`.includes(values.only)) continue;
    const times: number[] = [];
    for (let run = 0; run < runs; run += 1) times.push(await measure(ttl));
    const { median } = summarize(times);
    const range = `${Math.min(...times).toFixed(1)}–${Math.max(...times).toFixed(1)}`;
    process.stdout.write(row(on, what, median.toFixed(1), range, (median / ttl).toFixed(2)));
  }
}

function row(on: string, what: string, ...figures: readonly string[]): string {
  const [median = '', range = '', share = ''] = figures;
  return `  ${on.padEnd(16)}${what.padEnd(54)}${median.padStart(8)}  ${range.padEnd(18)}${share}\n`;
}

if (values.candidate) await runCandidate();
else if (values.hold !== undefined) await hold(JSON.parse(values.hold) as HoldOrder);
else await measureAll(Number(values.runs), Number(values.ttl));
