import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Machine, ScenarioReport } from './report.js';
import { scenarios } from './scenarios/index.js';
import { quantile } from './statistics.js';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

let directory: string;
let output: string;
let figures: { machine: Machine; scenarios: ScenarioReport[] };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coordination-bench-'));
  const file = join(directory, 'figures.json');
  const program = ['--expose-gc', path('../support/run.mjs'), path('./main.ts')];
  const args = [...program, '--short', '--json', file];
  ({ stdout: output } = await promisify(execFile)(process.execPath, args));
  figures = JSON.parse(await readFile(file, 'utf8')) as typeof figures;
}, 180_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

it('measures every scenario, and says on what', () => {
  expect(figures.scenarios.map(({ id }) => id)).toEqual(scenarios.map(({ id }) => id));
  expect(figures.machine).toMatchObject({ node: process.version, redis: expect.stringMatching(/^\d+\./) });
});

it('gives a median between its quartiles for every contender', () => {
  for (const { rows } of figures.scenarios) {
    expect(rows.length).toBeGreaterThanOrEqual(2);
    for (const { median, q1, q3, runs } of rows) {
      expect(q1).toBeGreaterThan(0);
      expect(median).toBeGreaterThanOrEqual(q1);
      expect(q3).toBeGreaterThanOrEqual(median);
      expect(runs).toHaveLength(1);
    }
  }
});

it('compares every contender with all that the scenario holds it against', () => {
  for (const scenario of scenarios) {
    const rows = figures.scenarios.find(({ id }) => id === scenario.id)?.rows ?? [];
    for (const row of rows) {
      const expected = scenario.comparisons.filter(({ against }) => against !== row.name);
      expect(row.compared).toMatchObject(expected);
      for (const { median } of row.compared) expect(Number.isFinite(median)).toBe(true);
    }
  }
});

it('prints a table with a line for every contender', () => {
  for (const { title, rows } of figures.scenarios) {
    expect(output).toContain(title);
    for (const { name } of rows) expect(output).toContain(`\n  ${name}  `);
  }
});

it('takes quartiles between two numbers by proportion', () => {
  expect(quantile([4, 1, 3, 2], 0.25)).toBe(1.75);
  expect(quantile([7], 0.75)).toBe(7);
});
