import { LockNameError } from '../../errors.js';

/** A lock, or several that are taken together. */
export type LockNames = string | readonly string[];

/**
 * Each name once; one that is alone is a plain lock.
 * @param where the names stand, for the message
 * @throws LockNameError for a list without names
 */
export function namesOnce(names: readonly string[], where: string): LockNames {
  const [first, ...others] = new Set(names);
  if (first === undefined)
    throw new LockNameError(`${where}: its list of lock names is empty; name what is to be locked`);
  return others.length === 0 ? first : [first, ...others];
}

/** Whether they are the same, in the same order. */
export function sameNames(a: LockNames, b: LockNames): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

/** What several locks are called together. */
export function joinedName(names: LockNames): string {
  return typeof names === 'string' ? names : names.join(' + ');
}
