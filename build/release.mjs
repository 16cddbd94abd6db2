// `npm run release`: publishes what stands on main, after it has looked that it may be. `--dry-run` looks, prints what it would run, and
// publishes nothing. npm signs where a package was built (`--provenance`) in CI only, so it runs there: .github/workflows/release.yml.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { changelogProblem, packProblems, placeholdersIn, treeProblems } from './release-checks.mjs';

const dryRun = process.argv.includes('--dry-run');
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const PACK = ['pack', '--dry-run', '--json', '--ignore-scripts'];

/** What takes a moment: all of it is looked at, so that one run tells of everything. */
const looks = [
  [
    'the tree is that of main, with nothing uncommitted',
    () =>
      treeProblems(
        outputOf('git', ['status', '--porcelain']),
        outputOf('git', ['rev-parse', '--abbrev-ref', 'HEAD']).trim(),
      ),
  ],
  [
    'no placeholder is left',
    () => placeholdersIn({ 'package.json': read('package.json'), 'SECURITY.md': read('SECURITY.md') }),
  ],
  ['version and CHANGELOG agree', () => changelogProblem(manifest.version, read('CHANGELOG.md'))],
];
/** What takes minutes, in this order: the first that fails is the last. */
const runs = [
  ['npm', ['run', 'lint']],
  ['npm', ['run', 'format:check']],
  ['npm', ['test']],
  ['npm', ['audit', '--omit=dev']],
  ['npm', ['run', 'build']],
];
const publish = ['npm', ['publish', '--provenance', '--access', 'public']];

const refused = looks.map(([what, look]) => told(what, look())).includes(false);
if (refused && !dryRun) refuse();
for (const [command, args] of runs) run(command, args);
if (dryRun) print(`would look at what ${command('npm', PACK)} lists`);
else if (
  !told(
    'the package has what it needs and nothing else',
    packProblems(JSON.parse(outputOf('npm', PACK)), manifest),
  )
)
  refuse();
run(...publish);
if (refused) refuse();

function run(program, args) {
  if (dryRun) return print(`would run ${command(program, args)}`);
  print(`> ${command(program, args)}`);
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) refuse(`${command(program, args)} failed`);
}

/** @returns whether there is no problem */
function told(what, problems) {
  print(`${problems.length === 0 ? '✓' : '✗'} ${what}`);
  for (const problem of problems) print(`    ${problem}`);
  return problems.length === 0;
}

function outputOf(program, args) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) refuse(`${command(program, args)} failed: ${stderr}`);
  return stdout;
}

function command(program, args) {
  return [program, ...args].join(' ');
}

function read(file) {
  return readFileSync(file, 'utf8');
}

function print(line) {
  process.stdout.write(`${line}\n`);
}

function refuse(why = 'see above') {
  process.stderr.write(`not published: ${why}\n`);
  process.exit(1);
}
