/*
 * Measures what the package adds: each scenario in processes of its own, or briefly in one with --short, which shows
 * that the benchmarks work and nothing else.
 *
 *   npm run bench -- [--short] [--only redis-1,file] [--runs 3] [--json figures.json]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine, reportOf, type ScenarioReport } from './report.js';
import { measure } from './rounds.js';
import type { Samples, Scenario } from './scenario.js';
import { scenarios } from './scenarios/index.js';
import { renderMachine, renderScenario } from './table.js';

const SHORT = { runs: 1, rounds: 3, share: 0.05 };

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    only: { type: 'string' },
    runs: { type: 'string', default: '3' },
    json: { type: 'string' },
    /** Of a process of its own: the one scenario to measure and to report to the parent. */
    measure: { type: 'string' },
  },
});

function sizeOf({ operations, rounds }: Scenario): { operations: number; rounds: number } {
  if (!values.short) return { operations, rounds };
  return { operations: Math.max(1, Math.floor(operations * SHORT.share)), rounds: SHORT.rounds };
}

function measureHere(scenario: Scenario): Promise<Samples> {
  const { operations, rounds } = sizeOf(scenario);
  return measure(scenario, operations, rounds);
}

async function measureApart({ id }: Scenario): Promise<Samples> {
  const child = fork(fileURLToPath(import.meta.url), ['--measure', id]);
  const samples: Samples[] = [];
  child.on('message', (message) => samples.push(message as Samples));
  const [code] = (await once(child, 'exit')) as [number | null];
  const [only] = samples;
  if (code !== 0 || !only) throw new Error(`scenario ${id} ended with code ${code}`);
  return only;
}

async function reportAll(): Promise<void> {
  const only = values.only?.split(',');
  const chosen = scenarios.filter(({ id }) => only?.includes(id) ?? true);
  const runs = values.short ? SHORT.runs : Number(values.runs);
  const where = machine();
  process.stdout.write(renderMachine(where));
  const reports: ScenarioReport[] = [];
  for (const scenario of chosen) {
    const samples: Samples[] = [];
    for (let run = 0; run < runs; run += 1) {
      samples.push(await (values.short ? measureHere(scenario) : measureApart(scenario)));
    }
    const report = reportOf(scenario, sizeOf(scenario).operations, samples);
    reports.push(report);
    process.stdout.write(`\n${renderScenario(report)}`);
  }
  if (values.json !== undefined) {
    await writeFile(values.json, `${JSON.stringify({ machine: where, scenarios: reports }, null, 2)}\n`);
  }
}

async function sendToParent(id: string): Promise<void> {
  const scenario = scenarios.find((each) => each.id === id);
  if (!scenario) throw new Error(`there is no scenario ${id}`);
  process.send?.(await measureHere(scenario));
  process.disconnect?.();
}

await (values.measure === undefined ? reportAll() : sendToParent(values.measure));
