import { randomUUID } from 'node:crypto';
import type { LockMode } from '../driver.js';
import { shareOf } from '../share-id.js';

/** Names one acquisition: hexadecimal, so that a guard can hold it as a literal. Never used for a second one, as a statement may run late. */
function newGrantId(): string {
  return randomUUID().replaceAll('-', '');
}

/** Of an acquisition in that mode. */
export function newGrantIdOf(mode: LockMode): string {
  return mode === 'shared' ? shareOf(newGrantId()) : newGrantId();
}
