/*
 * Makes a chart of each scenario in the figures of `npm run bench -- --json figures.json`, and puts the charts and
 * tables into docs/benchmarks*.md. Scenarios that were not measured keep what they have.
 *
 *   npm run bench:chart -- figures.json [--docs docs]
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import type { Report } from '../report.js';
import { chartOf } from './chart.js';
import { benchmarkPages, placesOf, withFigures } from './pages.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { docs: { type: 'string', default: 'docs' } },
});
const [file] = positionals;
if (file === undefined) throw new Error('which figures? npm run bench:chart -- figures.json');

const report = JSON.parse(await readFile(file, 'utf8')) as Report;
const pictures = join(values.docs, 'benchmarks');
await mkdir(pictures, { recursive: true });
for (const scenario of report.scenarios) {
  await writeFile(join(pictures, `${scenario.id}.svg`), chartOf(scenario));
}

const places: string[] = [];
for (const path of await benchmarkPages(values.docs)) {
  const page = await readFile(path, 'utf8');
  places.push(...placesOf(page));
  const config = await resolveConfig(path);
  await writeFile(path, await format(withFigures(page, report), { ...config, filepath: path }));
}
const homeless = report.scenarios.filter(({ id }) => !places.includes(id)).map(({ id }) => id);
process.stdout.write(
  `${report.scenarios.length} charts in ${pictures}, tables in ${values.docs}/benchmarks*.md\n`,
);
if (homeless.length > 0) process.stdout.write(`no place in ${values.docs} for: ${homeless.join(', ')}\n`);
