import { shown } from '../common/checks.js';

/** The most locks of one semaphore: a call that finds all permits taken asks for each. */
export const MOST_PERMITS = 1000;

/** The lock of one permit; the number comes first, so that no two semaphores have one in common. */
export function permitLock(name: string, slot: number): string {
  return `permit:${slot + 1}:${name}`;
}

/** The lock of the one caller that waits for a permit to become free. */
export function turnLock(name: string): string {
  return `permit:next:${name}`;
}

/** The problems with a number of permits. */
export function permitProblems(permits: unknown): string[] {
  if (Number.isInteger(permits) && Number(permits) >= 1 && Number(permits) <= MOST_PERMITS) return [];
  return [`permits must be a whole number from 1 to ${MOST_PERMITS}, got ${shown(permits)}`];
}
