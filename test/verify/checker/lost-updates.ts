import type { History, Storage } from './history.js';
import type { Violation } from './violation.js';

export interface UpdateCount {
  readonly lock: string;
  readonly storage: Storage;
  /** Increments that the storage took. */
  readonly accepted: number;
  /** Sent, and never answered. */
  readonly unknown: number;
  readonly refused: number;
  readonly final: number;
  /** Increments that are certain to be missing in the final value; those of unknown fate may hide some more. */
  readonly lost: number;
}

/** Every write adds one to what was read before, so the final value counts those that nobody overwrote. */
export function countUpdates({ operations, finals }: Pick<History, 'operations' | 'finals'>): UpdateCount[] {
  return finals.map(({ lock, storage, value }) => {
    const writes = operations.filter(
      (each) => each.kind === 'write' && each.lock === lock && each.storage === storage,
    );
    const count = (outcome: string): number => writes.filter((write) => write.outcome === outcome).length;
    const accepted = count('accepted');
    return {
      lock,
      storage,
      accepted,
      unknown: count('unknown'),
      refused: count('refused'),
      final: value,
      lost: Math.max(0, accepted - value),
    };
  });
}

/** Lost updates of the fenced storage; the control is there to lose some. */
export function judgeUpdates(history: Pick<History, 'operations' | 'finals'>): Violation[] {
  return countUpdates(history)
    .filter(({ storage, lost }) => storage === 'fenced' && lost > 0)
    .map(({ lock, accepted, final, lost }) => ({
      judge: 'lost update',
      lock,
      message: `"${lock}" took ${accepted} increments and ends with ${final}: ${lost} lost`,
    }));
}

/** How many increments the unfenced control has lost: 0 means that nothing dangerous happened. */
export function lostByControl(history: Pick<History, 'operations' | 'finals'>): number {
  return countUpdates(history)
    .filter(({ storage }) => storage === 'control')
    .reduce((sum, { lost }) => sum + lost, 0);
}
