import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { buildPackage } from '../../support/package-build.js';
import type { Contender, Scenario } from '../scenario.js';
import { quantile } from '../statistics.js';

const NEST = 'import of @nestjs/core';

/** Prints how long the code took, ms, in the last line. */
const timed = (before: string, code: string): string => `
  await import('reflect-metadata');
  ${before}
  const start = performance.now();
  ${code}
  const took = performance.now() - start;
  process.stdout.write('\\n' + took + '\\n', () => process.exit());
`;

/** Applications have loaded Nest before they load the package, and the log writes to the terminal in others' time. */
const AFTER_NEST = `
  const { Logger } = await import('@nestjs/common');
  await import('@nestjs/core');
  Logger.overrideLogger(false);
`;

const IMPORT = `const { CoordinatorService } = await import('nestjs-coordination');`;

const started = (backendUrl: string): string =>
  `${IMPORT} await new CoordinatorService({ backendUrl: ${JSON.stringify(backendUrl)} }).start();`;

/** What the package adds to the start of an application, as built and each time in a fresh process. */
export const start: Scenario = {
  id: 'start',
  title: 'the start of a process, the built package beside Nest',
  size: 1,
  sizeUnit: 'processes',
  rounds: 15,
  warmUps: 2,
  short: { size: 1, rounds: 1, warmUps: 0 },
  measures: [{ key: 'start', label: 'p50', unit: 'ms', better: 'lower' }],
  comparisons: [{ measure: 'start', against: NEST, by: 'ratio' }],
  prepare: async (bench) => {
    const built = await buildPackage();
    const contender = (name: string, program: string): Contender => ({
      name,
      measure: async (size) => ({ start: await medianOfProcesses(built.folder, program, size) }),
    });
    const { backendUrl: redis } = await bench.redis(1);
    const { backendUrl: files } = await bench.files();
    return {
      contenders: [
        contender(NEST, timed('', `await import('@nestjs/core');`)),
        contender('import of nestjs-coordination', timed(AFTER_NEST, IMPORT)),
        contender('import and start, memory:', timed(AFTER_NEST, started('memory:'))),
        contender('import and start, file:', timed(AFTER_NEST, started(files))),
        contender('import and start, one Redis node', timed(AFTER_NEST, started(redis))),
      ],
      close: () => built.remove(),
    };
  },
};

async function medianOfProcesses(folder: string, program: string, processes: number): Promise<number> {
  const times: number[] = [];
  while (times.length < processes) {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { cwd: folder },
    );
    times.push(Number(stdout.trimEnd().split('\n').at(-1)));
  }
  return quantile(times, 0.5);
}
