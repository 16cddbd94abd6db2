import { setTimeout as after } from 'node:timers/promises';

/** Who polls tries again after 10 ms; the jitter keeps several from doing it in step. */
export const POLL = { delay: 10, jitter: 5 };

/** After so long without the lock a waiter gives up, ms. */
export const LONGEST_WAIT = 60_000;

/** Tries until `attempt` has something to give, with a pause after each time it has not. */
export async function poll<T>(attempt: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = performance.now() + LONGEST_WAIT;
  while (performance.now() < end) {
    const got = await attempt();
    if (got !== undefined) return got;
    await after(POLL.delay - POLL.jitter + 2 * POLL.jitter * Math.random());
  }
  throw new Error(`gave up after ${LONGEST_WAIT / 1000} s`);
}
