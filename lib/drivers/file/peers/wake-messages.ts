/**
 * A request to another process, which holds a lock or waits for it.
 *
 * A grant is named by its id, which is never used twice. A ticket is named by its file, which is not used twice while a waiter
 * stands behind it.
 */
export interface WakeRequest {
  readonly op: 'watch' | 'unwatch' | 'break';
  /** The grant or ticket; for `break` always a grant. */
  readonly id: string;
  /** For `break`: the process that asks. */
  readonly pid?: number;
  /**
   * For `break`: until when the caller waits, Unix ms. A process that was stopped meanwhile must not let go of the lock later: its
   * caller was told that the break failed.
   */
  readonly until?: number;
}

/**
 * The answer to a request.
 *
 * - `held` (to watch): the process has that grant or ticket, and `freed` will follow.
 * - `freed` (to watch): the process does not have it, or no longer.
 * - `broken`, `unheld` (to break): the process has let go of the grant just now; or it did not hold it.
 */
export interface WakeReply {
  readonly op: 'held' | 'freed' | 'broken' | 'unheld';
  readonly id: string;
}

const REQUESTS: readonly string[] = ['watch', 'unwatch', 'break'] satisfies WakeRequest['op'][];
const REPLIES: readonly string[] = ['held', 'freed', 'broken', 'unheld'] satisfies WakeReply['op'][];

export function isWakeRequest(value: unknown): value is WakeRequest {
  return isMessage(value) && REQUESTS.includes(value.op);
}

export function isWakeReply(value: unknown): value is WakeReply {
  return isMessage(value) && REPLIES.includes(value.op);
}

function isMessage(value: unknown): value is { op: string; id: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'op' in value &&
    typeof value.op === 'string' &&
    'id' in value &&
    typeof value.id === 'string'
  );
}
