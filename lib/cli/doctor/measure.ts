import type { Clock } from '../../common/clock.js';
import type { Findings } from './finding.js';

/** How often a server is asked for its time. */
const ROUNDS = 20;

/** By how much two clocks may differ before that is worth a warning, ms. */
const SKEW_MS = 1000;

/** A replica whose clock is further ahead than this runs no job, ms. */
const MOST_SKEW_MS = 60_000;

/** How long one answer may take, ms. */
const LONGEST_ANSWER = 5000;

/** The result of a series of questions for a server's time. */
export interface Measured {
  /** Round trips, ms, the shortest first. */
  readonly trips: readonly number[];
  /** How far the server's clock is ahead of ours, ms. */
  readonly ahead: number;
  /** By how much that may be wrong, ms: half of the shortest round trip, and the rounding of the time. */
  readonly within: number;
}

/** @param timeOf asks the server for its time, Unix time in ms */
export async function measure(clock: Clock, timeOf: () => Promise<number>): Promise<Measured> {
  const trips: number[] = [];
  let best = { trip: Infinity, ahead: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const [since, wall] = [clock.monotonic(), clock.wall()];
    const time = await timeOf();
    const trip = clock.monotonic() - since;
    trips.push(trip);
    if (trip < best.trip) best = { trip, ahead: time - (wall + trip / 2) };
  }
  return { trips: trips.toSorted((a, b) => a - b), ahead: best.ahead, within: best.trip / 2 + 1 };
}

/** @param timeout how long one command may take before the server counts as down, ms */
export function tellLatency(findings: Findings, { trips }: Measured, timeout: number): void {
  const [middle = 0, longest = 0] = [trips[Math.floor(trips.length / 2)], trips.at(-1)];
  const what = `round trip ${middle.toFixed(1)} ms (median of ${trips.length}), ${longest.toFixed(1)} ms at most`;
  if (longest < timeout / 2) findings.ok('latency', what);
  else
    findings.warning(
      'latency',
      what,
      `a command that takes ${timeout} ms counts as failed, so calls will fail now and then`,
      'look at the network and at the load of the server, or give a longer ttl',
    );
}

/** Compares a server's clock with that of this machine. */
export function tellSkew(findings: Findings, { ahead, within }: Measured): void {
  const off = Math.max(0, Math.abs(ahead) - within);
  const what = `its clock is ${Math.abs(ahead).toFixed(0)} ms ${ahead < 0 ? 'behind' : 'ahead of'} this machine's (±${within.toFixed(0)} ms)`;
  const todo = 'run NTP on both';
  if (off < SKEW_MS) findings.ok('clock', what);
  else if (off < MOST_SKEW_MS)
    findings.warning(
      'clock',
      what,
      'leases do not mind, and @RunOnce takes each tick by one clock; times in records and logs differ',
      todo,
    );
  else
    findings.problem(
      'clock',
      what,
      'a replica whose clock is a minute or more ahead of the back end runs no job',
      todo,
    );
}

/** Bounds the wait for a promise that an outside library may never settle. */
export async function within<T>(answer: Promise<T>, ms = LONGEST_ANSWER): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
