import { setTimeout as after } from 'node:timers/promises';
import type { Bench } from '../bench.js';
import { closing, contendersHere, merged } from '../contenders.js';
import { connect, disconnect } from '../locks/clients.js';
import { type Handle, lockKind, type Locks, type Place } from '../locks/index.js';
import type { Figures, Scenario, Setup } from '../scenario.js';
import { durationOf } from '../timed.js';
import { type Origins, Traffic } from '../traffic.js';
import { onNodes } from './words.js';

const WAITERS = 50;
/** What the work takes with nothing around it. */
const FLOOR = `${WAITERS} works alone`;
const FLOOR_AND_TRIPS = `${FLOOR} + two round trips`;

const work = (): Promise<void> => after(1);

const base: Omit<Scenario, 'id' | 'title' | 'prepare'> = {
  size: 1,
  sizeUnit: 'crowd',
  rounds: 12,
  warmUps: 2,
  short: { size: 1, rounds: 1, warmUps: 0 },
  measures: [
    { key: 'total', label: 'in all', unit: 'ms', better: 'lower' },
    { key: 'commands', label: 'Redis commands', unit: '', better: 'lower', charted: true },
  ],
  comparisons: [{ measure: 'total', against: FLOOR_AND_TRIPS, by: 'ratio' }],
};

async function workUnder(handle: Handle): Promise<void> {
  await handle.acquire();
  await work();
  await handle.release();
}

/** All at once, each with a handle of its own. */
export async function crowd(locks: Locks): Promise<void> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: WAITERS }, () => workUnder(locks.lock('wanted'))),
  );
  const failures = outcomes.filter((outcome) => outcome.status === 'rejected');
  const [first] = failures;
  if (first) throw new Error(`${failures.length} of ${WAITERS} give up: ${String(first.reason)}`);
}

function floor(name: string, trip: () => Promise<unknown>): Setup {
  const inTurn = async (): Promise<void> => {
    await trip();
    for (let index = 0; index < WAITERS; index += 1) await work();
    await trip();
  };
  return {
    contenders: [{ name, measure: async () => ({ total: await durationOf(inTurn) }) }],
    close: () => Promise.resolve(),
  };
}

/** 50 calls at once in one process, each of which holds the same lock for 1 ms. */
export function redisWaiters(nodes: number): Scenario {
  return {
    ...base,
    id: `waiters-${nodes}`,
    title: `${WAITERS} waiters of one process on one lock, 1 ms each, ${onNodes(nodes)}`,
    prepare: async (bench) => {
      const place = await bench.redis(nodes);
      const traffic = await Traffic.on(place.nodes);
      const clients = await connect(place.nodes);
      const kinds = bench.short
        ? ['raw-queue', 'ours']
        : bench.taking(
            ...['raw-queue', 'redlock', 'redlock-tuned', 'ours', 'redis-semaphore'],
            ...['redlock-universal', 'redlock-universal-tuned', 'murlock', 'murlock-tuned'],
          );
      const contenders = contendersHere(kinds, place, counted(traffic));
      const trips = floor(FLOOR_AND_TRIPS, () => Promise.all(clients.map((client) => client.ping())));
      return merged(trips, contenders, closing(traffic), closing({ close: () => disconnect(clients) }));
    },
  };
}

function counted(traffic: Traffic) {
  return (locks: Locks): (() => Promise<Figures>) => {
    let origins: Origins | undefined;
    return async () => {
      origins ??= await traffic.learn(() => crowd(locks));
      const { result, sent } = await traffic.during(origins, () => durationOf(() => crowd(locks)));
      return { total: result, commands: sent };
    };
  };
}

/** The same without a server. */
export const localWaiters: Scenario = {
  ...base,
  id: 'waiters',
  title: `${WAITERS} waiters of one process on one lock, 1 ms each`,
  measures: base.measures.slice(0, 1),
  comparisons: [{ measure: 'total', against: FLOOR, by: 'ratio' }],
  prepare: async (bench: Bench) =>
    merged(
      floor(FLOOR, () => Promise.resolve()),
      named('memory back end', bench.memory()),
      named('file back end', await bench.files()),
    ),
};

function named(where: string, place: Place): Setup {
  const { contenders, close } = contendersHere(['ours'], place, (locks) => async () => ({
    total: await durationOf(() => crowd(locks)),
  }));
  const [only] = contenders;
  const name = `${lockKind('ours').name}, ${where}`;
  return { contenders: only ? [{ ...only, name }] : [], close };
}
