import { comparison, comparisonHead, findCompared, shown, spread } from './figures-text.js';
import type { Machine, Row, ScenarioReport } from './report.js';

/** The report of one scenario, as text for a terminal. */
export function renderScenario(report: ScenarioReport): string {
  const { title, rounds, runs, size, sizeUnit } = report;
  const what = `${runs} run${runs === 1 ? '' : 's'} of ${rounds} round${rounds === 1 ? '' : 's'}, ${size} ${sizeUnit} in each`;
  const rows = [headOf(report), ...report.rows.map((row) => cellsOf(row, report))];
  return [`${title} (${what})`, ...aligned(rows), ''].join('\n');
}

export function renderMachine({ node, redis, platform, processor, load }: Machine): string {
  return `Node ${node} · Redis ${redis} · ${platform} · ${processor} · load ${load.toFixed(1)} before\n`;
}

/** The first measure with its quartiles, the others by their medians, then what the figures are compared with. */
export function headOf({ measures, comparisons }: ScenarioReport): string[] {
  const [first, ...others] = measures;
  const labelOf = (key: string): string | undefined =>
    measures.length > 1 ? measures.find((measure) => measure.key === key)?.label : undefined;
  return [
    '',
    first ? `${first.label}${inUnit(first.unit)} (quartiles)` : '',
    ...others.map(({ label, unit }) => label + inUnit(unit)),
    ...comparisons.map(({ measure, against }) => comparisonHead(against, labelOf(measure))),
  ];
}

export function cellsOf(row: Row, { measures, comparisons }: ScenarioReport): string[] {
  if (row.failure !== undefined) return [row.name, row.failure];
  const [first, ...others] = measures.map(({ key }) => row.figures[key]);
  return [
    row.name,
    first ? spread(first) : '–',
    ...others.map((figure) => (figure ? shown(figure.median) : '–')),
    ...comparisons.map(({ measure, against }) => comparison(findCompared(row, measure, against))),
  ];
}

function inUnit(unit: string): string {
  return unit === '' || unit.startsWith('/') ? '' : `, ${unit}`;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => widthOf(row, column, columns))),
  );
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ')}`.trimEnd(),
  );
}

/** What went wrong may be longer than any figure, and stands alone in its line. */
function widthOf(row: readonly string[], column: number, columns: number): number {
  return column === 0 || row.length === columns ? (row[column]?.length ?? 0) : 0;
}
