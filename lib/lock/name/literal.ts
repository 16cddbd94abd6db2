import { shown } from '../../common/checks.js';
import { LockNameError } from '../../errors.js';

/** The format string that renders to exactly `name`: every bracket in it is doubled. */
export function literalLockName(name: string): string {
  if (typeof name !== 'string' || name === '') {
    throw new LockNameError(`getLock: the name of a lock must be a non-empty string, got ${shown(name)}`);
  }
  return name.replaceAll(/[<>{}]/g, '$&$&');
}
