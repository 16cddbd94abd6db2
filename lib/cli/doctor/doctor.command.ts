import type { Command } from 'commander';
import { coordinationOptions, type GlobalOptions } from '../connect.js';
import { EXIT } from '../exit-codes.js';
import { print, printJson } from '../output.js';
import { examine } from './examine.js';
import { reportOf } from './report.js';

/** Adds `doctor`, which ends with 1 when it has found a problem. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('examine the back end as the application would use it, and say what is wrong with it')
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const diagnosis = await examine(coordinationOptions(options));
      if (options.json) printJson(diagnosis);
      else print(reportOf(diagnosis));
      if (diagnosis.problems > 0) process.exitCode = EXIT.nothing;
    });
}
