import { setMaxListeners } from 'node:events';
import { setTimeout as after } from 'node:timers/promises';
import { startCoordinator } from './application.js';
import type { SoakBackend } from './backend.js';
import { startContender } from './contender.js';
import { type Count, grownCounts } from './counts.js';
import { heapGrew, type HeapSample, slopeOf } from './heap.js';
import { load } from './load.js';
import { heapInUse, ProcessCounts } from './process-counts.js';
import type { TimerLedger } from './timer-ledger.js';

const WORKERS = 24;
/** Cycles of the first lap, after which the counts before are taken. */
const LONGEST_WARM_UP = 20_000;
/** Connections are cut once in so many cycles. */
const BETWEEN_CUTS = 2000;
/** How long what ends by itself may take to: what a killed process held has its ttl, and a machine may be busy, ms. */
const SETTLING = 20_000;

export interface SoakOptions {
  readonly cycles: number;
  /** How often everything is stopped, collected and counted in between. */
  readonly laps: number;
  readonly seed: number;
  /** This very program, to be run as a second process that wants the same locks; undefined: none is run. */
  readonly script?: string;
  readonly timers: TimerLedger;
  /** Leaks something on purpose, at the end of the last lap. */
  readonly plant?: (context: { readonly url: string; readonly signal: AbortSignal }) => unknown;
}

export interface SoakReport {
  readonly backend: string;
  readonly cycles: number;
  /** ms. */
  readonly took: number;
  /** How often each outcome was reached. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly before: readonly Count[];
  readonly after: readonly Count[];
  readonly heap: readonly HeapSample[];
  /** By how much the heap grew, bytes per cycle. */
  readonly slope: number;
  /** What has grown that must not. */
  readonly grown: readonly string[];
}

/** Uses locks in every way, and counts what is there before and after, each time with everything stopped. */
export async function soak(backend: SoakBackend, options: SoakOptions): Promise<SoakReport> {
  const { laps, plant, timers } = options;
  const { signal } = new AbortController();
  // As an application does with a signal that many of its calls are given.
  setMaxListeners(0, signal);
  const own = new ProcessCounts(timers, signal);
  const look = async (): Promise<Count[]> => [...own.now(), ...(await backend.counts())];
  const outcomes = new Map<string, number>();
  const count = (outcome: string): void => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  const size = Math.ceil(options.cycles / laps);

  // What is loaded, compiled and kept once is there before anything is counted.
  await runLap(backend, options, { number: 0, cycles: Math.min(size, LONGEST_WARM_UP), signal, count });
  outcomes.clear();
  const before = await settled(look, await steady(look), SETTLING);
  const heap: HeapSample[] = [{ cycles: 0, bytes: await heapInUse() }];
  let last: readonly Count[] = before;
  const start = performance.now();
  for (let number = 1; number <= laps; number += 1) {
    await runLap(backend, options, { number, cycles: size, signal, count });
    if (number === laps) await plant?.({ url: backend.url, signal });
    last = await settled(look, before, plant ? 0 : SETTLING);
    heap.push({ cycles: number * size, bytes: await heapInUse() });
  }
  own.end();
  const grown = grownCounts(before, last).map(({ what }) => what);
  if (heapGrew(heap)) grown.push('heap');
  return {
    backend: backend.id,
    cycles: laps * size,
    took: performance.now() - start,
    outcomes,
    before,
    after: last,
    heap,
    slope: slopeOf(heap),
    grown,
  };
}

interface Lap {
  readonly number: number;
  readonly cycles: number;
  readonly signal: AbortSignal;
  readonly count: (outcome: string) => void;
}

/** Starts two processes, has them fight, cuts their connections, and stops or kills them. */
async function runLap(
  { shared, url, leasesExpire, newNames, cutConnections }: SoakBackend,
  options: SoakOptions,
  { number, cycles, signal, count }: Lap,
): Promise<void> {
  const seed = options.seed + 1000 * number;
  const common = { backendUrl: url, leasesExpire };
  const contender =
    shared && options.script !== undefined
      ? await startContender(options.script, { ...common, seed: seed + WORKERS })
      : undefined;
  const betweenCuts = Math.min(BETWEEN_CUTS, Math.ceil(cycles / 2));
  const cuts: Promise<void>[] = [];
  let begun = 0;
  await load({
    ...common,
    newNames,
    workers: WORKERS,
    seed,
    prefix: `new-${number}`,
    signal,
    count,
    goOn: () => {
      begun += 1;
      if (cutConnections && begun % betweenCuts === 0) {
        count('connections cut');
        cuts.push(cutConnections());
      }
      return begun <= cycles;
    },
  });
  await Promise.all(cuts);
  if (!contender) return;
  const ending = number % 2 === 0 ? 'stop' : 'kill';
  await contender[ending]();
  // Whoever starts next clears away what a killed process left.
  await (await startCoordinator(url)).stop();
  count(`second process, ${ending}`);
}

/** What is there once nothing changes any more. */
async function steady(look: () => Promise<Count[]>): Promise<Count[]> {
  let last = await look();
  for (;;) {
    await after(200);
    const now = await look();
    if (now.every(({ value }, index) => value === last[index]?.value)) return now;
    last = now;
  }
}

/** What is there once nothing is more than before, or after `waitLimit` ms. */
async function settled(
  look: () => Promise<Count[]>,
  before: readonly Count[],
  waitLimit: number,
): Promise<Count[]> {
  const end = performance.now() + waitLimit;
  for (;;) {
    const now = await look();
    if (grownCounts(before, now).length === 0 || performance.now() > end) return now;
    await after(50);
  }
}
