import type { Compared, Machine, ScenarioReport } from './report.js';
import type { Summary } from './statistics.js';

/** The report of one scenario, as text for a terminal. */
export function renderScenario({ title, unit, rounds, figure, operations, rows }: ScenarioReport): string {
  const [first] = rows.toSorted((a, b) => b.compared.length - a.compared.length);
  const against = first?.compared.map((each) => each.against) ?? [];
  const header = ['', `${unit}, median (quartiles)`, ...against.map((name) => `against “${name}”`), 'runs'];
  const lines = rows.map((row) => [
    row.name,
    shown(row, digitsOf(row.median)),
    ...against.map((name) => comparison(row.compared.find((each) => each.against === name))),
    runsOf(row.compared.at(-1) ?? row),
  ]);
  const what = `${first?.runs.length} runs of ${rounds} rounds, ${figure} of ${operations} in each`;
  return [`${title} (${what})`, ...aligned([header, ...lines]), ''].join('\n');
}

export function renderMachine({ node, redis, platform, processor, load }: Machine): string {
  return `Node ${node} · Redis ${redis} · ${platform} · ${processor} · load ${load.toFixed(1)} before\n`;
}

function comparison(compared: Compared | undefined): string {
  if (!compared) return '–';
  return (compared.by === 'ratio' ? '× ' : '+ ') + shown(compared, 2);
}

function shown({ median, q1, q3 }: Summary, digits: number): string {
  const text = (value: number): string => value.toFixed(digits);
  return `${text(median)} (${text(q1)}–${text(q3)})`;
}

/** The medians of the runs, lowest and highest. */
function runsOf({ runs }: { readonly runs: readonly number[] }): string {
  return `${Math.min(...runs).toFixed(2)}–${Math.max(...runs).toFixed(2)}`;
}

function digitsOf(value: number): number {
  return value >= 10 ? 1 : 2;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_cell, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ')}`.trimEnd(),
  );
}
