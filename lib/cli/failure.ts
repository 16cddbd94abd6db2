import { CommanderError } from 'commander';
import { printable } from '../common/quoted.js';
import { BackendUnavailableError, CoordinationError, InvalidOptionsError, LockNameError } from '../errors.js';
import { EXIT } from './exit-codes.js';

/** An error that ends a command with one line on stderr. */
export class CliError extends Error {
  constructor(
    message: string,
    readonly exitCode: number = EXIT.usage,
  ) {
    super(message);
  }
}

/** The exit code for the error of a command, and its line; no line where it was written already. */
export function failureOf(error: unknown): { readonly exitCode: number; readonly line?: string } {
  // Commander writes its own line.
  if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? EXIT.done : EXIT.usage };
  if (error instanceof CliError) return { exitCode: error.exitCode, line: error.message };
  if (error instanceof InvalidOptionsError || error instanceof LockNameError)
    return { exitCode: EXIT.usage, line: error.message };
  if (error instanceof BackendUnavailableError) return { exitCode: EXIT.unavailable, line: error.message };
  const line = error instanceof Error ? error.message : printable(String(error));
  return { exitCode: error instanceof CoordinationError ? EXIT.unavailable : EXIT.fault, line };
}
