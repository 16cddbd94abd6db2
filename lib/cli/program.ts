import 'reflect-metadata';
import { Command } from 'commander';
import { VERSION } from '../common/version.js';
import { addBreak, addLock, addLooking, addWatch } from './commands/index.js';
import { addGlobalOptions } from './connect.js';
import { addDoctor } from './doctor/index.js';
import { EXIT } from './exit-codes.js';
import { failureOf } from './failure.js';
import { say } from './output.js';
import { addSchema } from './schema/index.js';

/** The program with all its commands. */
function createProgram(): Command {
  const program = new Command('nestjs-coordination')
    .description(
      'Looks at the locks, members, jobs and elections of an application, breaks locks, and runs commands under them.',
    )
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError('(see nestjs-coordination --help)');
  addGlobalOptions(program);
  addLooking(program);
  addBreak(program);
  addLock(program);
  addWatch(program);
  addDoctor(program);
  addSchema(program);
  return program;
}

/**
 * Runs the command that the arguments name.
 * @param args those after the name of the program
 * @returns the exit code; the error stands on stderr, in one line
 */
export async function run(args: readonly string[]): Promise<number> {
  // A reader that has enough, as `head`, closes the pipe.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT.done);
  });
  process.exitCode = EXIT.done;
  try {
    await createProgram().parseAsync([...args], { from: 'user' });
    return process.exitCode;
  } catch (error) {
    const { exitCode, line } = failureOf(error);
    if (line !== undefined) say(`nestjs-coordination: ${line}`);
    return exitCode;
  }
}
