import { execFile } from 'node:child_process';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The package as `npm run build` makes it, installed in a folder of its own. */
export interface BuiltPackage {
  /** Programs that run here import the package by its name, and Nest from this repository. */
  readonly folder: string;
  /** Where the package is installed. */
  readonly installed: string;
  remove(): Promise<void>;
}

/**
 * Builds the package without checking its types, which takes most of the time and is done elsewhere.
 *
 * The folder is below those of the test fixtures, of which a later test process removes what a killed one has left.
 */
export async function buildPackage(): Promise<BuiltPackage> {
  const root = process.cwd();
  const folder = join(root, 'node_modules', '.cache', 'test-fixtures', String(process.pid), 'package');
  const installed = join(folder, 'node_modules', 'nestjs-coordination');
  const dist = join(installed, 'dist');
  const node = (...args: readonly string[]) => run(process.execPath, [...args], { cwd: root });
  await rm(folder, { recursive: true, force: true });
  await mkdir(installed, { recursive: true });
  const compiler = join('node_modules', 'typescript', 'bin', 'tsc');
  await node(compiler, '-p', 'lib/tsconfig.lib.json', '--noCheck', '--outDir', dist);
  await node('build/bundle.mjs', dist);
  await cp(join(root, 'package.json'), join(installed, 'package.json'));
  return { folder, installed, remove: () => rm(folder, { recursive: true, force: true }) };
}
