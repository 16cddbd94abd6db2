import { randomUUID } from 'node:crypto';
import type { LockMode } from '../driver.js';
import { shareOf } from '../share-id.js';

/** An id for one acquisition. Hexadecimal, so that a guard can hold it as a literal. Never used twice, as a statement may run late. */
function newGrantId(): string {
  return randomUUID().replaceAll('-', '');
}

/** An id for an acquisition in that mode. */
export function newGrantIdOf(mode: LockMode): string {
  return mode === 'shared' ? shareOf(newGrantId()) : newGrantId();
}
