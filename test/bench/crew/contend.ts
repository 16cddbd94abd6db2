import { setTimeout as after } from 'node:timers/promises';
import type { Locks } from '../locks/index.js';
import { monotonicNow } from '../monotonic.js';
import type { ContendTerms } from './terms.js';
import type { Timeline } from './timeline.js';

/** Takes the lock again and again, and writes down when. */
export async function contend(
  locks: Locks,
  { key, from, ms, hold, think, loops }: ContendTerms,
): Promise<Timeline> {
  const moments: number[] = [];
  let failed = 0;
  let failure: string | undefined;
  const until = from + ms;
  const loop = async (): Promise<void> => {
    const handle = locks.lock(key);
    // Once at least: a process may be told of a short contest when it is over.
    do {
      const asked = monotonicNow();
      try {
        await handle.acquire();
      } catch (error) {
        failed += 1;
        failure ??= String(error);
        await after(1);
        continue;
      }
      const got = monotonicNow();
      if (hold > 0) await after(hold);
      moments.push(asked, got, monotonicNow());
      await handle.release();
      if (think > 0) await after(think);
    } while (monotonicNow() < until);
  };
  await after(Math.max(0, from - monotonicNow()));
  await Promise.all(Array.from({ length: loops }, loop));
  return { moments: Float64Array.from(moments), failed, failure };
}
