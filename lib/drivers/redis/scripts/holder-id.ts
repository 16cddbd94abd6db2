import { randomBytes } from 'node:crypto';
import { SHARED_MARK } from '../../share-id.js';

/**
 * Names one driver among all that use a node, in letters and digits. Each process keeps its own waiters alive under this name, and gets
 * their messages.
 */
export function newProcess(): string {
  return randomBytes(10).toString('hex');
}

/** The ids of one process. */
export class HolderIds {
  readonly process = newProcess();
  #count = 0;

  /** A new id for one acquisition. No other process can guess it. */
  next(): string {
    this.#count += 1;
    return `${this.process}-${this.#count.toString(36)}`;
  }

  /** The same for a share of a lock. */
  nextShare(): string {
    return this.next() + SHARED_MARK;
  }
}

export function processOf(id: string): string {
  return id.slice(0, id.indexOf('-'));
}
