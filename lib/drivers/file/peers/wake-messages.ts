/**
 * What one process asks another, which holds a lock or waits for it.
 *
 * A grant is named by its id, which is never used twice; a ticket by its file, which is not used twice while somebody
 * waits behind it.
 */
export interface WakeRequest {
  readonly op: 'watch' | 'unwatch' | 'break';
  /** The grant or, but for `break`, the ticket. */
  readonly id: string;
  /** Who asks, for `break`. */
  readonly pid?: number;
  /**
   * For `break`: until when the caller waits, Unix ms. A process that was stopped must not let go of a lock later, after
   * the caller was told that this has failed.
   */
  readonly until?: number;
}

/**
 * What it answers.
 *
 * - `held` (to watch): it has that grant or ticket, and `freed` will follow.
 * - `freed` (to watch): it does not have it, or not any more.
 * - `broken`, `unheld` (to break): it has let go of it just now; it did not hold it.
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
