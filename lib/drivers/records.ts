import type { NewRecord } from './driver.js';

/**
 * Whether a record replaces the stored one. It does with a larger version, and with the same version and value, which makes the record
 * last longer. With the same version and another value the stored record stays, so that the second of two writers learns of the first.
 */
export function isNewer(
  { version, value }: Pick<NewRecord, 'version' | 'value'>,
  there: Pick<NewRecord, 'version' | 'value'>,
): boolean {
  return version > there.version || (version === there.version && value === there.value);
}
