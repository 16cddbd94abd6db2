import { writeFileSync } from 'node:fs';
import { measureApart, measureHere, sizeOf } from './measuring.js';
import { HOW_TO_INSTALL, peersInstalled } from './peers/index.js';
import { machine, type Report, reportOf, type ScenarioReport } from './report.js';
import type { RunSamples, Scenario } from './scenario.js';
import { scenarios } from './scenarios/index.js';
import { withServers } from './servers.js';
import { renderMachine, renderScenario } from './table.js';

export interface Wishes {
  readonly short: boolean;
  /** Ids of scenarios, or pieces of their ids and titles; all by default. */
  readonly only?: string;
  readonly runs: number;
  /** Where the figures are written to. */
  readonly json?: string;
  /** Whether other packages take part; by default they do when they are installed. */
  readonly peers?: boolean;
}

function say(text: string): void {
  process.stdout.write(text);
}

function chosenOf(only: string | undefined): readonly Scenario[] {
  if (only === undefined) return scenarios;
  const texts = only.split(',').map((text) => text.trim());
  const chosen = scenarios.filter(({ id, title }) =>
    texts.some((text) => id === text || (!isId(text) && `${id} ${title}`.includes(text))),
  );
  if (chosen.length > 0) return chosen;
  throw new Error(
    `there is no scenario "${only}"; there are: ${scenarios.map((scenario) => scenario.id).join(', ')}`,
  );
}

function isId(text: string): boolean {
  return scenarios.some(({ id }) => id === text);
}

/** Whether the peers take part; who does not ask for them is told how to have them. */
function withPeers(wanted: boolean | undefined): boolean {
  const installed = peersInstalled();
  if (wanted === true && !installed) throw new Error(`the other packages are missing: ${HOW_TO_INSTALL}`);
  if (wanted === undefined && !installed) say(`Without other packages; to have them: ${HOW_TO_INSTALL}\n`);
  return wanted ?? installed;
}

/** Measures, and prints the tables. */
export async function reportAll({ short, only, runs: count, json, peers: wanted }: Wishes): Promise<void> {
  const chosen = chosenOf(only);
  const peers = withPeers(wanted);
  const where = machine();
  say(renderMachine(where));
  const reports: ScenarioReport[] = [];
  const conclude = (scenario: Scenario, runs: readonly RunSamples[]): void => {
    const report = reportOf(scenario, sizeOf(scenario, short), runs);
    reports.push(report);
    say(`\n${renderScenario(report)}`);
    // Each time: what has been measured is not lost with what fails an hour later.
    if (json !== undefined) write(json, { machine: where, scenarios: reports });
  };
  await withServers(async (nodes) => {
    const settings = { nodes, peers, short };
    if (short) return measureHere(chosen, settings, (scenario, samples) => conclude(scenario, [samples]));
    for (const scenario of chosen) {
      const runs: RunSamples[] = [];
      while (runs.length < count) runs.push(await measureApart(scenario, settings));
      conclude(scenario, runs);
    }
  });
  // A peer that hangs would keep this process alive.
  process.exit();
}

function write(file: string, report: Report): void {
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}
