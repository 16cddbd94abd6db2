import { printable } from '../../common/quoted.js';
import { LockNameError } from '../../errors.js';

/** Long enough for every sensible template and problem; a message must stay one line that can be read. */
const LONGEST_TEMPLATE_SHOWN = 200;
const LONGEST_PROBLEM_SHOWN = 1000;

function shown(text: string, longest: number): string {
  const line = printable(text);
  return line.length > longest ? `${line.slice(0, longest)}…` : line;
}

/**
 * The one shape of all messages about lock names: the template, the place it stands at, what is wrong and what to do.
 * Never shows a value: it may be a secret.
 */
export function lockNameError(
  template: string,
  where: string | undefined,
  problem: string,
  cause?: unknown,
): LockNameError {
  const place = where === undefined ? '' : ` of ${where}`;
  const name = shown(template, LONGEST_TEMPLATE_SHOWN);
  return new LockNameError(`Lock name '${name}'${place}: ${shown(problem, LONGEST_PROBLEM_SHOWN)}`, {
    cause,
  });
}
