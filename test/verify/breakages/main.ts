/*
 * Breaks a copy of the project in one place after the other, and runs what has to find it.
 *
 *   npm run breakages -- [--only name]… [--output]
 *
 * Prints a table; ends with 1 when something was not found. `--only` takes the breakages whose names contain the
 * text, and `--output` shows what the commands said.
 */
import { parseArgs } from 'node:util';
import { BREAKAGES } from './breakages.js';
import { findBreakage, type Finding } from './find-breakage.js';
import { ProjectCopy } from './project-copy.js';
import { tableOf } from './table.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [''] },
    output: { type: 'boolean', default: false },
  },
});
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort());

const breakages = BREAKAGES.filter(({ name }) => values.only.some((text) => name.includes(text)));
if (breakages.length === 0)
  throw new Error(`There is no breakage with ${values.only.join(' or ')} in its name`);
const copy = await ProjectCopy.of(process.cwd());
const findings: Finding[] = [];
try {
  for (const breakage of breakages) {
    if (interrupted.signal.aborted) break;
    const finding = await findBreakage(copy, breakage, interrupted.signal);
    findings.push(finding);
    const { found, seed, took, output } = finding;
    process.stderr.write(
      `${found ? 'found' : 'NOT FOUND'}: ${breakage.name} (seed ${seed}, ${(took / 1000).toFixed(1)} s)\n`,
    );
    if (values.output) process.stderr.write(`${output}\n`);
  }
} finally {
  await copy.remove();
}
process.stdout.write(`${tableOf(findings)}\n`);
const found = findings.filter((finding) => finding.found).length;
process.stdout.write(`\n${found} of ${breakages.length} breakages found\n`);
process.exitCode = found === breakages.length ? 0 : 1;
