import { setImmediate as nextTurn, setTimeout as after } from 'node:timers/promises';

/** Polls until `probe` gives something other than undefined or false; fails after a generous time. */
export async function eventually<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  { within = 30_000, every = 5 }: { within?: number; every?: number } = {},
): Promise<T> {
  const end = performance.now() + within;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end)
      throw new Error(`it did not happen within ${within} ms: ${probe.toString()}`);
    await (every > 0 ? after(every) : nextTurn());
  }
}
