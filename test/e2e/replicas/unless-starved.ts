/** What a LeaseLostError says when the holder's own process was too late to renew its lease. */
const STARVED = /its deadline passed before it could be renewed/;

const MOST_RUNS = 3;

/**
 * Runs it again when a lease was lost because its process stood still. A lease that was waited for begins with less than a second, and
 * a busy machine may keep a process from its renewal for longer. The call fails then, as it is promised, and the run shows nothing.
 */
export async function unlessStarved<T>(run: () => Promise<T>): Promise<T> {
  for (let runs = 1; ; runs += 1) {
    try {
      return await run();
    } catch (error) {
      if (runs === MOST_RUNS || !STARVED.test(String(error))) throw error;
      console.warn(`run ${runs} shows nothing: ${String(error)}`);
    }
  }
}
