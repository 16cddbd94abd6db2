import { setTimeout as after } from 'node:timers/promises';
import { Client } from 'pg';
import { contendersHere } from '../contenders.js';
import { Gathering, servingLimit } from '../crew/gathering.js';
import type { Member } from '../crew/member.js';
import { lockKind, pairOf } from '../locks/index.js';
import type { Scenario } from '../scenario.js';
import { medianOf } from '../timed.js';
import { crowdBase, LONG, LOOK, PROCESSES } from './crowd.js';

const WAITERS = 1000;
/** Those of Redis are counted at its nodes. */
const COUNTED = ['commands', 'published'];

const crowd: Scenario = {
  ...crowdBase,
  id: 'postgres-crowd',
  title: `${PROCESSES} processes with 250 waiters each on one lock, 1 ms each, PostgreSQL`,
  size: 250,
  measures: crowdBase.measures.filter(({ key }) => !COUNTED.includes(key)),
  comparisons: [],
  prepare: async (bench) => {
    const place = await bench.postgres();
    const processes = bench.processes(PROCESSES);
    await bench.crew.assemble(processes, { kinds: LONG, place });
    return contendersHere(
      LONG,
      place,
      (locks, kind) => {
        const gathering = new Gathering(bench.crew, processes, kind, locks);
        return async (size) => {
          try {
            const waiting = await gathering.gather(size, bench.short ? LOOK.short : LOOK.full);
            const { served, each, serving } = await gathering.serve();
            return { waiting, serving, served, each };
          } catch (error) {
            // Some of them still wait.
            await bench.crew.end();
            throw error;
          }
        };
      },
      2 * servingLimit(250 * processes),
    );
  },
};

const leases: Scenario = {
  id: 'postgres-leases',
  title: 'one process that holds 10 000 leases, PostgreSQL',
  size: 10_000,
  sizeUnit: 'leases',
  rounds: 1,
  warmUps: 0,
  short: { size: 500, rounds: 1, warmUps: 0 },
  measures: [
    { key: 'delay', label: 'event loop, p99', unit: 'ms', better: 'lower' },
    { key: 'lease', label: 'heap per lease', unit: 'bytes', better: 'lower' },
    { key: 'waiter', label: `heap per waiter, of ${WAITERS}`, unit: 'bytes', better: 'lower' },
  ],
  comparisons: [],
  prepare: async (bench) => {
    const place = await bench.postgres();
    const [kind, beats] = ['ours', bench.short ? 1 : 3];
    const beat = bench.short ? 800 : (lockKind(kind).beatOf?.(place) ?? place.ttl);
    return {
      contenders: [
        {
          name: lockKind(kind).name,
          limit: 180_000,
          measure: async (size) => {
            await bench.crew.assemble(1, { kinds: [kind], place });
            const [member] = (await bench.crew.members(1)) as [Member];
            const lease = await member.ask('keep', kind, size);
            await after(beat);
            const delay = await member.ask('loopDelay', beats * beat);
            return { delay, lease, waiter: await member.ask('queueUp', kind, 'held-0', WAITERS) };
          },
        },
      ],
      close: () => Promise.resolve(),
    };
  },
};

/** Of the pairs, so many at the beginning and at the end are timed. */
const TIMED = 0.05;

const hotRow: Scenario = {
  id: 'postgres-hot-row',
  title: 'one lock taken and released 200 000 times, PostgreSQL',
  size: 200_000,
  sizeUnit: 'pairs',
  rounds: 1,
  warmUps: 0,
  short: { size: 400, rounds: 1, warmUps: 0 },
  measures: [
    { key: 'first', label: 'p50 of the first 5 %', unit: 'µs', better: 'lower' },
    { key: 'last', label: 'p50 of the last 5 %', unit: 'µs', better: 'lower' },
    { key: 'size', label: 'tables and indexes afterwards', unit: 'kB', better: 'lower' },
  ],
  comparisons: [],
  prepare: async (bench) => {
    const place = await bench.postgres();
    return contendersHere(
      ['ours'],
      place,
      (locks) => {
        const pair = pairOf(locks.lock('hot'));
        return async (size) => {
          const first = await medianOf(pair, TIMED * size);
          await medianOf(pair, (1 - 2 * TIMED) * size);
          return { first, last: await medianOf(pair, TIMED * size), size: await sizeOf(place.backendUrl) };
        };
      },
      600_000,
    );
  },
};

/** Of all that the schema stores, kB. */
async function sizeOf(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ kb: number }>(
      `SELECT (sum(pg_total_relation_size(oid)) / 1024)::int AS kb FROM pg_class WHERE relkind = 'r' AND relnamespace = 'nest_coordination'::regnamespace`,
    );
    return rows[0]?.kb ?? 0;
  } finally {
    await client.end();
  }
}

/** What very many callers, leases and uses cost on PostgreSQL. */
export const postgresLoad: readonly Scenario[] = [crowd, leases, hotRow];
