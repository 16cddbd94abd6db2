import { type Command, Option } from 'commander';
import {
  breakLock,
  checkBreak,
  inspectLocks,
  LOCK_KINDS,
  type LockKind,
  type Source,
} from '../../inspection/index.js';
import { quoted } from '../../common/quoted.js';
import { type GlobalOptions, withSource } from '../connect.js';
import { EXIT } from '../exit-codes.js';
import { print, printJson } from '../output.js';

/** Adds `break`, the one command that takes something away. */
export function addBreak(program: Command): void {
  program
    .command('break')
    .description('take a lock away from its holders, and tell them why')
    .argument('<name>', "the lock's name, without the prefix")
    .requiredOption('--reason <text>', 'why: goes into the log of the holder')
    .addOption(
      new Option('--kind <kind>', 'the kind of lock that the name is of').choices(LOCK_KINDS).default('lock'),
    )
    .action(async (name: string, { reason, kind }: { reason: string; kind: LockKind }, command: Command) => {
      checkBreak(name, { reason, kind });
      const options = command.optsWithGlobals<GlobalOptions>();
      const { broken, others } = await withSource(options, async (source) => {
        const done = await breakLock(source, name, { reason, kind });
        return { broken: done, others: done ? [] : await otherKindsHeld(source, name, kind) };
      });
      if (options.json) printJson({ name, kind, broken });
      else print(broken ? `Broke ${kind} ${quoted(name)}.` : nobodyHolds(name, kind, others));
      if (!broken) process.exitCode = EXIT.nothing;
    });
}

/** The other kinds that are held under that name: a lock and a semaphore may have the same name. */
async function otherKindsHeld(source: Source, name: string, not: LockKind): Promise<LockKind[]> {
  const locks = await inspectLocks(source);
  const held = locks.filter((each) => each.name === name && each.holders.length > 0);
  return held.map(({ kind }) => kind).filter((kind) => kind !== not);
}

function nobodyHolds(name: string, kind: LockKind, others: readonly LockKind[]): string {
  const hints = others.map((each) => ` A ${each} of that name is held: add --kind ${each}.`);
  return `No member holds ${kind} ${quoted(name)}.${hints.join('')}`;
}
