import { randomUUID } from 'node:crypto';

/** Names one acquisition: hexadecimal, so that a guard can hold it as a literal. Never used for a second one, as a statement may run late. */
export function newGrantId(): string {
  return randomUUID().replaceAll('-', '');
}
