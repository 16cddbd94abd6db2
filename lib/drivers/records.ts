import type { NewRecord } from './driver.js';

/**
 * Whether a record takes the place of the one that is there: it has a larger version, or is the same one once more and then lasts
 * longer. Of two with one version the first one stays, so that each of two writers that must not be two learns of the other.
 */
export function isNewer(
  { version, value }: Pick<NewRecord, 'version' | 'value'>,
  there: Pick<NewRecord, 'version' | 'value'>,
): boolean {
  return version > there.version || (version === there.version && value === there.value);
}
