import { randomBytes } from 'node:crypto';

/**
 * Names one driver among all that use a node, in letters and digits: what is waited for by one process is kept alive by it, and
 * told to it.
 */
export function newProcess(): string {
  return randomBytes(10).toString('hex');
}

/** An id of its own for one acquisition of the process; nobody else can guess it. */
export function newWaiterId(process: string, count: number): string {
  return `${process}-${count.toString(36)}`;
}

export function processOf(id: string): string {
  return id.slice(0, id.indexOf('-'));
}
