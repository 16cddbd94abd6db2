import { electionLock } from '../elections/index.js';
import { jobLock, onceLock } from '../runs/index.js';
import { permitLock, turnLock } from '../semaphores/index.js';
import type { LockKind } from './inspection.types.js';

/** The facts in the name of a lock. */
export interface NamedLock {
  readonly kind: LockKind;
  /** The name of the election, the job or the semaphore; for a lock its own name. */
  readonly name: string;
  /** For a semaphore: the lock of a permit, or the lock of the caller that waits for the next permit. */
  readonly part?: 'permit' | 'turn';
}

/** The beginnings of names, as the other folders make them. */
const PREFIXES: readonly (readonly [LockKind, string])[] = [
  ['election', electionLock('')],
  ['job', jobLock('')],
  ['once', onceLock('')],
];
const TURN = turnLock('');
const PERMIT = new RegExp(`^${permitLock('', 0).replace('1', String.raw`\d+`)}([^]+)$`);

/** Whether it is the lock of a caller whose turn it is to wait for a permit. */
export function isTurn(lock: string): boolean {
  return lock.startsWith(TURN) && lock !== TURN;
}

/** Whether it is the lock of a permit. */
export function isPermit(lock: string): boolean {
  return PERMIT.test(lock);
}

/** @param lock its name, without the prefix */
export function namedLock(lock: string): NamedLock {
  for (const [kind, prefix] of PREFIXES)
    if (lock.startsWith(prefix) && lock !== prefix) return { kind, name: lock.slice(prefix.length) };
  if (isTurn(lock)) return { kind: 'semaphore', name: lock.slice(TURN.length), part: 'turn' };
  const [, name] = PERMIT.exec(lock) ?? [];
  return name === undefined ? { kind: 'lock', name: lock } : { kind: 'semaphore', name, part: 'permit' };
}

/** The lock of that kind with that name, without the prefix; undefined for a semaphore, which has several. */
export function lockNamed(kind: LockKind, name: string): string | undefined {
  if (kind === 'semaphore') return undefined;
  const [, prefix = ''] = PREFIXES.find(([each]) => each === kind) ?? [];
  return prefix + name;
}

export const LOCK_KINDS: readonly LockKind[] = ['lock', 'semaphore', 'election', 'job', 'once'];
