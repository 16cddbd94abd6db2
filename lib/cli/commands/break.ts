import { type Command, Option } from 'commander';
import { breakLock, checkBreak, LOCK_KINDS, type LockKind } from '../../inspection/index.js';
import { quoted } from '../../common/quoted.js';
import { type GlobalOptions, withSource } from '../connect.js';
import { EXIT } from '../exit-codes.js';
import { print, printJson } from '../output.js';

/** Adds `break`, the one command that takes something away. */
export function addBreak(program: Command): void {
  program
    .command('break')
    .description('take a lock away from its holders, who are told why')
    .argument('<name>', "the lock's name, without the prefix")
    .requiredOption('--reason <text>', 'why: goes into the log of the holder')
    .addOption(new Option('--kind <kind>', 'what the name is that of').choices(LOCK_KINDS).default('lock'))
    .action(async (name: string, { reason, kind }: { reason: string; kind: LockKind }, command: Command) => {
      checkBreak(name, { reason, kind });
      const options = command.optsWithGlobals<GlobalOptions>();
      const broken = await withSource(options, (source) => breakLock(source, name, { reason, kind }));
      if (options.json) printJson({ name, kind, broken });
      else print(broken ? `Broke ${kind} ${quoted(name)}.` : `Nobody holds ${kind} ${quoted(name)}.`);
      if (!broken) process.exitCode = EXIT.nothing;
    });
}
