import { Client } from 'pg';
import { CONTEST_LIMIT, loop } from '../crew/contest.js';
import { contendersHere, merged } from '../contenders.js';
import { startCoordinator } from '../locks/coordinators.js';
import { lockKind, pairOf, type Place } from '../locks/index.js';
import type { Contender, Scenario, Setup } from '../scenario.js';
import { durationOf, medianOf } from '../timed.js';
import { KEYS, workOff } from './keys.js';
import { postgresLoad } from './postgres-load.js';
import { crowd } from './waiters.js';

const SELECTS = lockKind('select-1').name;
const ADVISORY = lockKind('advisory').name;
const UNGUARDED = 'BEGIN, UPDATE, COMMIT';

/** The contenders of a setup, by another name. */
function on(where: string, { contenders, close }: Setup): Setup {
  return { contenders: contenders.map((each) => ({ ...each, name: `${each.name}, ${where}` })), close };
}

const postgresPair: Scenario = {
  id: 'postgres-pair',
  title: 'acquire + release, nobody else wants it, PostgreSQL',
  size: 50,
  sizeUnit: 'pairs',
  rounds: 20,
  warmUps: 10,
  short: { size: 5, rounds: 2, warmUps: 1 },
  measures: [{ key: 'pair', label: 'p50', unit: 'µs', better: 'lower' }],
  comparisons: [
    { measure: 'pair', against: SELECTS, by: 'ratio' },
    { measure: 'pair', against: ADVISORY, by: 'ratio' },
  ],
  prepare: async (bench) => {
    const measured = (kinds: readonly string[], place: Place): Setup =>
      contendersHere(kinds, place, (locks) => {
        const pair = pairOf(locks.lock('pair'));
        return async (size) => ({ pair: await medianOf(pair, size) });
      });
    return merged(
      measured(['select-1', 'advisory', 'ours'], await bench.postgres()),
      on('one Redis node', measured(['ours'], await bench.redis(1))),
    );
  },
};

const postgresKeys: Scenario = {
  id: 'postgres-keys',
  title: `${KEYS} different locks at once, acquire + release, PostgreSQL`,
  size: 500,
  sizeUnit: 'pairs',
  rounds: 8,
  warmUps: 2,
  short: { size: 64, rounds: 1, warmUps: 1 },
  measures: [{ key: 'rate', label: 'pairs per second', unit: '/s', better: 'higher' }],
  comparisons: [{ measure: 'rate', against: ADVISORY, by: 'ratio' }],
  prepare: async (bench) => {
    const measured = (kinds: readonly string[], place: Place): Setup =>
      contendersHere(kinds, place, (locks) => {
        const handles = Array.from({ length: KEYS }, (_, key) => locks.lock(`key-${key}`));
        return async (size) => ({ rate: (1000 * size) / (await durationOf(() => workOff(handles, size))) });
      });
    return merged(
      measured(['advisory', 'ours'], await bench.postgres()),
      on('one Redis node', measured(['ours'], await bench.redis(1))),
    );
  },
};

const postgresWaiters: Scenario = {
  id: 'postgres-waiters',
  title: '50 waiters of one process on one lock, 1 ms each, PostgreSQL',
  size: 1,
  sizeUnit: 'crowd',
  rounds: 8,
  warmUps: 2,
  short: { size: 1, rounds: 1, warmUps: 0 },
  measures: [{ key: 'total', label: 'in all', unit: 'ms', better: 'lower' }],
  comparisons: [],
  prepare: async (bench) => {
    const measured = (place: Place): Setup =>
      contendersHere(['ours'], place, (locks) => async () => ({
        total: await durationOf(() => crowd(locks)),
      }));
    return merged(measured(await bench.postgres()), on('one Redis node', measured(await bench.redis(1))));
  },
};

const postgresProcesses: Scenario = {
  id: 'postgres-processes',
  title: '4 processes on one lock, 2 ms each, again 4 ms later, PostgreSQL',
  size: 1500,
  sizeUnit: 'ms',
  rounds: 3,
  warmUps: 1,
  short: { size: 150, rounds: 1, warmUps: 0 },
  measures: [
    { key: 'handOff', label: 'hand-off to another process, p50', unit: 'ms', better: 'lower' },
    { key: 'longest', label: 'longest wait', unit: 'ms', better: 'lower' },
    { key: 'rate', label: 'leases per second', unit: '/s', better: 'higher' },
    { key: 'failed', label: 'given up', unit: '%', better: 'lower' },
  ],
  comparisons: [{ measure: 'handOff', against: ADVISORY, by: 'ratio' }],
  prepare: async (bench) => {
    const kinds = ['advisory', 'ours', 'ours-fair'];
    const processes = bench.processes(4);
    await bench.crew.assemble(processes, { kinds, place: await bench.postgres() });
    const terms = { hold: 2, think: 4, loops: 1 };
    return {
      contenders: kinds.map((kind): Contender => ({
        name: lockKind(kind).name,
        limit: CONTEST_LIMIT,
        measure: async (ms) => ({
          ...(await loop(bench.crew, processes, { kind, key: `wanted-${kind}`, ms, ...terms })),
        }),
      })),
      close: () => Promise.resolve(),
    };
  },
};

const postgresGuard: Scenario = {
  id: 'postgres-guard',
  title: 'a transaction with one update, PostgreSQL',
  size: 50,
  sizeUnit: 'transactions',
  rounds: 20,
  warmUps: 10,
  short: { size: 5, rounds: 2, warmUps: 1 },
  measures: [{ key: 'transaction', label: 'p50', unit: 'µs', better: 'lower' }],
  comparisons: [{ measure: 'transaction', against: UNGUARDED, by: 'ratio' }],
  prepare: async (bench) => {
    const { backendUrl } = await bench.postgres();
    const client = new Client({ connectionString: backendUrl });
    await client.connect();
    await client.query('CREATE TABLE guarded (id integer PRIMARY KEY, value bigint)');
    await client.query('INSERT INTO guarded VALUES (1, 0)');
    const coordinator = await startCoordinator(backendUrl);
    const lease = await coordinator.getLock('guarded').hold();
    const transaction = (guarded: boolean) => async (): Promise<void> => {
      await client.query('BEGIN');
      if (guarded) await lease.assertIn(client);
      await client.query('UPDATE guarded SET value = value + 1 WHERE id = 1');
      await client.query('COMMIT');
    };
    const contender = (name: string, guarded: boolean): Contender => ({
      name,
      measure: async (size) => ({ transaction: await medianOf(transaction(guarded), size) }),
    });
    return {
      contenders: [contender(UNGUARDED, false), contender('with assertIn', true)],
      close: async () => {
        await lease.release();
        await coordinator.stop();
        await client.end();
      },
    };
  },
};

/** Those of PostgreSQL. */
export const onPostgres: readonly Scenario[] = [
  postgresPair,
  postgresKeys,
  postgresWaiters,
  postgresProcesses,
  postgresGuard,
  ...postgresLoad,
];
