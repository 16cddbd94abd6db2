import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report, ScenarioReport } from '../report.js';
import { cellsOf, headOf, renderMachine } from '../table.js';

/** What stands between two such lines is written by `npm run bench:chart`. */
const PLACE = /(<!-- figures: (\S+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** The page with these figures in their places; places whose scenario was not measured stay as they are. */
export function withFigures(page: string, { machine, scenarios }: Report): string {
  return page.replace(PLACE, (whole, begin: string, id: string, end: string) => {
    const report = scenarios.find((scenario) => scenario.id === id);
    if (id === 'machine') return `${begin}\n${renderMachine(machine)}\n${end}`;
    return report ? `${begin}\n${tableOf(report)}\n\n${pictureOf(report)}\n\n${end}` : whole;
  });
}

/** The pages of benchmarks in a folder of documentation. */
export async function benchmarkPages(docs: string): Promise<string[]> {
  const names = await readdir(docs);
  return names.filter((name) => /^benchmarks.*\.md$/.test(name)).map((name) => join(docs, name));
}

/** The ids of the scenarios that have a place on the page. */
export function placesOf(page: string): string[] {
  return [...page.matchAll(PLACE)].map(([, , id = '']) => id);
}

function tableOf(report: ScenarioReport): string {
  const [name = '', ...columns] = headOf(report);
  const rows = report.rows.map((row) => {
    const cells = cellsOf(row, report);
    return [...cells, ...Array.from({ length: columns.length + 1 - cells.length }, () => '')];
  });
  const rule = ['---', ...columns.map(() => '---:')];
  return [[name, ...columns], rule, ...rows].map(line).join('\n');
}

function line(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '\\<')).join(' | ')} |`;
}

function pictureOf({ id, title }: ScenarioReport): string {
  return `![${title}](benchmarks/${id}.svg)`;
}
