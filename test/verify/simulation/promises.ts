import type { History, Violation } from '../checker/index.js';

/** Nobody may be handed a lease that has run out. */
export const GRANTED_TOO_LATE = 'lease was over when it was granted';

/** No node may grant what was asked for so long ago that nobody waits for it. */
export const DONE_TOO_LATE = 'acquisition was done after its caller had given it up';

/** Nothing renews a lease after its release, nor brings back its key. */
export const RENEWED_AFTER_RELEASE = 'renewal was sent after the release';
export const KEPT_AFTER_RELEASE = 'renewal found the key of a released lease';

/** Nor gives it to another node. */
export const COMPLETED_AFTER_RELEASE = 'completion was sent after the release';

/** A lease that is older than a heartbeat stands on every node that is well. */
export const STANDS_SHORT = 'lease stood on fewer nodes than are well';

/** A call that is called off ends at once. */
export const STAYED = 'call went on after it was called off';

const FORBIDDEN = [
  GRANTED_TOO_LATE,
  DONE_TOO_LATE,
  RENEWED_AFTER_RELEASE,
  KEPT_AFTER_RELEASE,
  COMPLETED_AFTER_RELEASE,
  STANDS_SHORT,
  STAYED,
];

/** States that must not be reached at all. */
export function judgeStates({ states }: Pick<History, 'states'>): Violation[] {
  return FORBIDDEN.flatMap((state): Violation[] => {
    const times = states.get(state) ?? 0;
    return times === 0 ? [] : [{ judge: 'stall', lock: '', message: `${times} times: ${state}` }];
  });
}
