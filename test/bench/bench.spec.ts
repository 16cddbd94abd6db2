import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { benchmarkPages, placesOf } from './chart/pages.js';
import type { Report } from './report.js';
import { THOROUGH } from '../support/thorough.js';
import { scenarios } from './scenarios/index.js';

/** In short those that differ most in what they need. */
const SHORTLY = [
  'pair-1',
  'waiters-1',
  'processes-1',
  'crowd',
  'leases-1',
  'file',
  'postgres-pair',
  'reentry',
];
const taken = scenarios.filter(({ id }) => THOROUGH || SHORTLY.includes(id));

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const RUN = path('../support/run.mjs');

let directory: string;
let output: string;
let figures: Report;

async function run(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [...args]);
  return stdout;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coordination-bench-'));
  const file = join(directory, 'figures.json');
  output = await run(
    '--expose-gc',
    RUN,
    path('./main.ts'),
    '--short',
    '--no-peers',
    '--only',
    taken.map(({ id }) => id).join(','),
    '--json',
    file,
  );
  figures = JSON.parse(await readFile(file, 'utf8')) as Report;
}, 600_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

describe('npm run bench', () => {
  it('measures every scenario, and says on what', () => {
    expect(figures.scenarios.map(({ id }) => id)).toEqual(taken.map(({ id }) => id));
    expect(figures.machine).toMatchObject({ node: process.version, redis: expect.stringMatching(/^\d+\./) });
  });

  it('has every contender take part to the end', () => {
    const rows = figures.scenarios.flatMap((scenario) => scenario.rows);
    expect(rows.filter(({ failure }) => failure !== undefined)).toEqual([]);
  });

  it('gives a median between its quartiles for every measure', () => {
    for (const { id, rows, measures } of figures.scenarios) {
      for (const { key } of measures) {
        const found = rows.flatMap((row) => row.figures[key] ?? []);
        // No process may have got the lock from another one in so short a time.
        if (key !== 'handOff') expect(found, `${key} of ${id}`).not.toHaveLength(0);
        for (const { median, q1, q3, runs } of found) {
          expect(median).toBeGreaterThanOrEqual(q1);
          expect(q3).toBeGreaterThanOrEqual(median);
          expect(runs).toHaveLength(1);
        }
      }
    }
  });

  it('compares every contender with all that the scenario holds it against', () => {
    for (const { rows, comparisons } of figures.scenarios) {
      const present = comparisons.filter(({ against }) => rows.some(({ name }) => name === against));
      for (const { name, figures: own, compared } of rows) {
        const expected = present
          .filter(({ measure, against }) => against !== name && own[measure] !== undefined)
          .filter(({ measure, against }) => rows.find((row) => row.name === against)?.figures[measure]);
        expect(compared).toMatchObject(expected);
      }
    }
  });

  it('counts the commands of the package', () => {
    for (const id of ['waiters-1', 'processes-1', 'crowd', 'leases-1']) {
      const rows = figures.scenarios.find((scenario) => scenario.id === id)?.rows ?? [];
      const ours = rows.find(({ name }) => name === 'nestjs-coordination');
      expect(ours?.figures['commands']?.median, id).toBeGreaterThan(0);
    }
  });

  it('prints a table with a line for every contender', () => {
    for (const { title, rows } of figures.scenarios) {
      expect(output).toContain(title);
      for (const { name } of rows) expect(output).toContain(`\n  ${name}  `);
    }
  });
});

describe('npm run bench:chart', () => {
  const textOf = async (docs: string): Promise<string> => {
    const pages = await benchmarkPages(docs);
    return (await Promise.all(pages.map((page) => readFile(page, 'utf8')))).join('\n');
  };

  it('has a place for every scenario on one of its pages', async () => {
    expect(placesOf(await textOf(path('../../docs')))).toEqual(
      expect.arrayContaining(['machine', ...scenarios.map(({ id }) => id)]),
    );
  });

  it('draws every scenario, and puts its table on a page', async () => {
    const docs = join(directory, 'docs');
    await cp(path('../../docs'), docs, { recursive: true });
    await run(RUN, path('./chart/main.ts'), join(directory, 'figures.json'), '--docs', docs);
    const page = await textOf(docs);
    for (const { id, rows } of figures.scenarios) {
      expect(page).toContain(`(benchmarks/${id}.svg)`);
      const picture = await readFile(join(docs, 'benchmarks', `${id}.svg`), 'utf8');
      expect(picture).not.toContain('NaN');
      for (const { name } of rows)
        expect(picture).toContain(name.replace(/</g, '&lt;').replace(/>/g, '&gt;'));
    }
    expect(page).toContain(`Node ${process.version}`);
  });
});
