import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as after } from 'node:timers/promises';
import type { Locks } from '../locks/index.js';

/** Set by `--expose-gc`. */
declare const gc: (() => void) | undefined;

/** Acquisitions under way at the same time while many are taken. */
const AT_ONCE = 200;

/** Takes so many locks, keeps them, and tells how many bytes of heap each takes. */
export async function keep(locks: Locks, count: number): Promise<number> {
  const before = heapUsed();
  for (let done = 0; done < count; done += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, index) => done + index);
    await Promise.all(batch.map((number) => locks.lock(`held-${number}`).acquire()));
  }
  return (heapUsed() - before) / count;
}

/** Has so many callers wait for a lock that somebody holds, and tells how many bytes of heap each takes. */
export async function queueUp(locks: Locks, key: string, count: number): Promise<number> {
  const before = heapUsed();
  for (let index = 0; index < count; index += 1) {
    // They wait until this process is ended.
    locks
      .lock(key)
      .acquire()
      .catch(() => undefined);
  }
  await after(200);
  return (heapUsed() - before) / count;
}

/** How late the event loop is for so many ms: the 99th percentile of the time between timers of 1 ms. */
export async function loopDelay(ms: number): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await after(ms);
  delay.disable();
  return delay.percentile(99) / 1e6;
}

function heapUsed(): number {
  if (typeof gc !== 'function') throw new Error('run with --expose-gc');
  gc();
  return process.memoryUsage().heapUsed;
}
