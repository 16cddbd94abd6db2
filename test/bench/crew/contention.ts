import { quantile } from '../statistics.js';
import { merge, type Timeline } from './timeline.js';

/** What several processes got of one lock that all of them wanted, for so many ms. */
export interface Contention {
  readonly leases: number;
  /** Leases per second. */
  readonly rate: number;
  /**
   * From the moment a process begins to release until another one has the lock, which waited for it by then: the median,
   * ms; NaN when that has not happened.
   */
  readonly handOff: number;
  /** Of all leases those that came from another process, %. */
  readonly crossing: number;
  /** The longest time from asking to having, ms. */
  readonly longest: number;
  /** The part of the leases that the process with the fewest and the one with the most of them had, %. */
  readonly least: number;
  readonly most: number;
  /** Acquisitions that were given up, %. */
  readonly failed: number;
}

export function contentionOf(timelines: readonly Timeline[], ms: number): Contention {
  const leases = merge(timelines);
  if (leases.length === 0) throw new Error(timelines[0]?.failure ?? 'nobody got the lock');
  const handOffs: number[] = [];
  let crossing = 0;
  for (const [index, lease] of leases.entries()) {
    const before = leases[index - 1];
    if (!before || before.process === lease.process) continue;
    crossing += 1;
    if (lease.asked < before.ended) handOffs.push(lease.got - before.ended);
  }
  const shares = timelines.map(({ moments }) => (100 * moments.length) / 3 / leases.length);
  const failed = timelines.reduce((sum, timeline) => sum + timeline.failed, 0);
  return {
    leases: leases.length,
    rate: (1000 * leases.length) / ms,
    handOff: quantile(handOffs, 0.5),
    crossing: (100 * crossing) / leases.length,
    longest: Math.max(...leases.map(({ asked, got }) => got - asked)),
    least: Math.min(...shares),
    most: Math.max(...shares),
    failed: (100 * failed) / (failed + leases.length),
  };
}

/** The longest time after that moment in which nobody had the lock, ms. */
export function longestPause(timelines: readonly Timeline[], since: number): number {
  let free = since;
  let longest = 0;
  for (const { got, ended } of merge(timelines)) {
    if (got < since) continue;
    longest = Math.max(longest, got - free);
    free = ended;
  }
  return longest;
}
