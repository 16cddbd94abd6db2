/** What one process asks the holder of a lock. Grants are named by their id, which is never used twice. */
export interface WakeRequest {
  readonly op: 'watch' | 'unwatch' | 'break';
  readonly grant: string;
  /** Who asks, for `break`. */
  readonly pid?: number;
  /**
   * For `break`: until when the asker waits, Unix ms. A process that was stopped must not let go of a lock later, after
   * the asker was told that this has failed.
   */
  readonly until?: number;
}

/**
 * What the holder answers.
 *
 * - `held` (to watch): it holds that grant, and `freed` will follow.
 * - `freed` (to watch): it does not hold it, or not any more.
 * - `broken`, `unheld` (to break): it has let go of it just now; it did not hold it.
 */
export interface WakeReply {
  readonly op: 'held' | 'freed' | 'broken' | 'unheld';
  readonly grant: string;
}

const REQUESTS: readonly string[] = ['watch', 'unwatch', 'break'] satisfies WakeRequest['op'][];
const REPLIES: readonly string[] = ['held', 'freed', 'broken', 'unheld'] satisfies WakeReply['op'][];

export function isWakeRequest(value: unknown): value is WakeRequest {
  return isMessage(value) && REQUESTS.includes(value.op);
}

export function isWakeReply(value: unknown): value is WakeReply {
  return isMessage(value) && REPLIES.includes(value.op);
}

function isMessage(value: unknown): value is { op: string; grant: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'op' in value &&
    typeof value.op === 'string' &&
    'grant' in value &&
    typeof value.grant === 'string'
  );
}
