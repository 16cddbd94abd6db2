import { isIPv4 } from 'node:net';
import type { Check } from './body.pipe.js';

/** More than any array has; keeps a slip of the finger from filling the disk. */
const LARGEST = 1_000_000;

export const gibibytes: Check = (value) =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= LARGEST
    ? undefined
    : `must be a whole number of GiB from 1 to ${LARGEST}`;

/** Becomes part of a path and of a lock's name. */
export const label: Check = (value) =>
  typeof value === 'string' && /^[a-z0-9][a-z0-9-]{0,39}$/.test(value)
    ? undefined
    : 'must be 1 to 40 small letters, digits and hyphens, not starting with a hyphen';

export const address: Check = (value) =>
  typeof value === 'string' && isIPv4(value) ? undefined : 'must be an IPv4 address';

export const accessLevel: Check = (value) =>
  value === 'rw' || value === 'ro' ? undefined : 'must be rw or ro';
