import { randomUUID } from 'node:crypto';
import type { LockMode } from '../driver.js';

/** Names one acquisition: hexadecimal, so that a guard can hold it as a literal. Never used for a second one, as a statement may run late. */
function newGrantId(): string {
  return randomUUID().replaceAll('-', '');
}

/** How the id of a share ends, by which the functions of the schema know it. */
const SHARED_MARK = '+';

/** Of an acquisition in that mode. */
export function newGrantIdOf(mode: LockMode): string {
  return mode === 'shared' ? newGrantId() + SHARED_MARK : newGrantId();
}

export function isShare(id: string): boolean {
  return id.endsWith(SHARED_MARK);
}

/** The id that a lease has from when it is shared. The same each time, so that it may be asked for again. */
export function shareOf(id: string): string {
  return isShare(id) ? id : id + SHARED_MARK;
}
