// Packs the package and tries it as its users would, in every combination that it promises. It installs from the registry.
//
//   npm run compat                           # all cases, some at once; `--jobs 1`: one after the other
//   npm run compat -- --only nest-11-jest    # those with this in their name, several with commas
//   npm run compat -- --short                # what tells most in little time
//   npm run compat -- --keep                 # and leave the projects there to look at
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { CASES } from './cases.mjs';
import { Project, ROOT, run } from './project.mjs';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    short: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    jobs: { type: 'string', default: String(Math.min(2, availableParallelism())) },
  },
});

const wanted = values.only?.split(',');
const chosen = CASES.filter(
  ({ name, short = false }) =>
    (!values.short || short) && (!wanted || wanted.some((part) => name.includes(part))),
);
if (chosen.length === 0) throw new Error(`no case has ${values.only} in its name`);

const work = mkdtempSync(join(tmpdir(), 'coordination-compat-'));
const rows = [];
try {
  const tarball = await pack();
  const queue = [...chosen];
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) rows.push(await outcomeOf(next, tarball));
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
} finally {
  if (values.keep) console.log(`The projects are in ${work}`);
  else rmSync(work, { recursive: true, force: true });
}
rows.sort((a, b) => chosen.indexOf(a.case) - chosen.indexOf(b.case));
printTable(rows);
if (rows.some(({ works }) => !works)) process.exitCode = 1;

async function pack() {
  // npm prints what `prepack` builds there, too.
  const folder = join(work, 'package');
  mkdirSync(folder);
  const output = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT });
  return join(folder, output.trim().split('\n').at(-1));
}

async function outcomeOf(one, tarball) {
  const project = new Project(join(work, one.name), tarball);
  const before = performance.now();
  try {
    const versions = await one.run(project);
    console.log(`${one.name}: works (${seconds(before)} s)`);
    return { case: one, versions, works: true };
  } catch (error) {
    console.error(`${one.name}: FAILED (${seconds(before)} s)\n${error.message}\n`);
    return { case: one, versions: '', works: false };
  }
}

function seconds(since) {
  return Math.round((performance.now() - since) / 1000);
}

function printTable(outcomes) {
  const cells = [
    ['case', 'what', 'versions', 'outcome'],
    ...outcomes.map((row) => [row.case.name, row.case.what, row.versions, row.works ? 'works' : 'FAILED']),
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  console.log(['', line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n'));
}
