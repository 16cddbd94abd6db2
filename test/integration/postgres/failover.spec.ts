import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Driver } from '../../../lib/drivers/driver.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { tryAcquire } from '../../support/driver-calls.js';
import { freshName, granted, recordingContext, renewed, request } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { PgBouncer } from '../../support/pgbouncer.js';
import { postgresDriverOn } from '../../support/postgres-drivers.js';
import { hasPgBouncer, postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

const TTL = 3000;

describe.skipIf(postgresBin() === undefined)('a failover of PostgreSQL', () => {
  let primary: PostgresServer;
  let standby: PostgresServer;
  let current: PostgresServer;
  let proxy: TcpProxy;
  /** Over which the standby follows. */
  let replication: TcpProxy;
  const drivers: Driver[] = [];

  beforeEach(async () => {
    primary = await PostgresServer.start({ config: ['wal_level = replica'] });
    replication = await TcpProxy.start(() => primary.port);
    standby = await primary.startStandby(replication.port);
    current = primary;
    // The address that follows the primary, as a service of Kubernetes or a DNS name does.
    proxy = await TcpProxy.start(() => current.port);
  });

  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
    await Promise.all([proxy.stop(), replication.stop()]);
    await stopAllPostgres();
  });

  afterAll(stopAllPostgres);

  async function started() {
    const context = recordingContext();
    const driver = await postgresDriverOn(
      `postgres://postgres@127.0.0.1:${proxy.port}/postgres`,
      context,
      // A busy machine may be late to read what came within the fifth of the ttl.
      { pool: { query_timeout: 5000 } },
      TTL,
    );
    drivers.push(driver);
    await driver.start();
    return { driver, context, states: () => context.changes.map(({ state }) => state) };
  }

  const promote = async (): Promise<void> => {
    await standby.query('SELECT pg_promote(true)');
  };

  it('to a synchronous standby keeps every lease, and grants nothing new for the longest ttl', async () => {
    await primary.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
    await primary.query('SELECT pg_reload_conf()');
    const { driver, states, context } = await started();
    const lock = freshName();
    const grant = granted(await tryAcquire(driver, { ...request(lock, 60_000), fencing: true }));
    await primary.kill();
    current = standby;
    // Until it is promoted it takes no writes: that is an outage, and not an answer.
    await eventually(() => states().at(-1) === 'down');
    await expect(tryAcquire(driver, request(freshName()))).rejects.toThrow(BackendUnavailableError);
    await promote();
    await eventually(() => states().at(-1) === 'up');
    const refusal: unknown = await tryAcquire(driver, request(freshName())).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(BackendUnavailableError);
    expect((refusal as BackendUnavailableError).message).toMatch(
      /was a standby until lately.*grants nothing for \d+ ms more/,
    );
    // The lease of a minute was the longest.
    expect((refusal as BackendUnavailableError).endsIn).toBeGreaterThan(TTL);
    expect(context.warnings).toHaveLength(1);
    expect(await renewed(driver, grant, 60_000)).toBe(true);
    expect(await driver.locks.release(grant)).toBe(true);
  });

  it('to a standby that lags gives no lock that a lost lease may still have, and no token twice', async () => {
    const { driver, states } = await started();
    const other = await started();
    // So that the schema and the row are on the standby.
    const lock = freshName();
    await driver.locks.release(granted(await tryAcquire(driver, request(lock, TTL))));
    const wal = await primary.query('SELECT pg_current_wal_insert_lsn()::text AS at');
    await eventually(async () => {
      const rows = await standby.query(
        `SELECT pg_last_wal_replay_lsn() >= '${String(wal[0]?.['at'])}' AS there`,
      );
      return rows[0]?.['there'] === true;
    });
    // Nothing that the primary commits from here on reaches the standby.
    replication.set('both', { cut: 'lose' });
    const began = performance.now();
    const lost = granted(await tryAcquire(driver, { ...request(lock, TTL), fencing: true }));
    await primary.kill();
    current = standby;
    await promote();
    await eventually(() => states().at(-1) === 'up' && other.states().at(-1) === 'up');
    const refusals: string[] = [];
    const next = await eventually(async () => {
      const reply = await tryAcquire(other.driver, { ...request(lock), fencing: true }).catch(
        (error: Error) => void refusals.push(error.message),
      );
      return reply?.granted === true && reply.grant;
    });
    // However long the failover took.
    expect(refusals[0]).toMatch(/was a standby until lately/);
    // The holder believes in its lease for a ttl from before it was asked for.
    expect(performance.now() - began).toBeGreaterThan(TTL);
    expect(next.tokens!.first).toBeGreaterThan(lost.tokens!.first);
    expect(await renewed(driver, lost, TTL)).toBe(false);
  });

  it.each([
    ['work', '%acquire_1%'],
    ['upkeep', 'LISTEN%'],
  ])(
    'leaves no connection on the old primary, which lives on, when the one for %s has moved',
    async (_link, query) => {
      const { driver } = await started();
      granted(await tryAcquire(driver, request(freshName(), TTL)));
      await eventually(async () => {
        const rows = await primary.query('SELECT sent_lsn = replay_lsn AS there FROM pg_stat_replication');
        return rows[0]?.['there'] === true;
      });
      const sessions = `FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`;
      current = standby;
      await promote();
      await primary.query(`SELECT pg_terminate_backend(pid) ${sessions} AND query LIKE '${query}'`);
      await eventually(async () => {
        const reply = await tryAcquire(driver, request(freshName(), TTL)).catch(() => undefined);
        return reply?.granted === true;
      });
      await eventually(async () => (await primary.query(`SELECT pid ${sessions}`)).length === 0);
    },
  );

  it.skipIf(!hasPgBouncer())(
    'is noticed behind a pooler, where no connection of the client ends',
    async () => {
      const pooler = await PgBouncer.start(proxy.port, 'transaction');
      const context = recordingContext();
      const driver = await postgresDriverOn(pooler.urlOf('postgres'), context, {}, TTL);
      drivers.push(driver);
      await driver.start();
      granted(await tryAcquire(driver, request(freshName(), TTL)));
      await eventually(async () => {
        const rows = await primary.query('SELECT sent_lsn = replay_lsn AS there FROM pg_stat_replication');
        return rows[0]?.['there'] === true;
      });
      await primary.kill();
      current = standby;
      await promote();
      const refusal = await eventually(async () => {
        const reply = await tryAcquire(driver, request(freshName(), TTL)).catch((error: unknown) => error);
        if (!(reply instanceof BackendUnavailableError)) throw new Error('it was granted at once');
        return reply.message.includes('was a standby until lately');
      });
      expect(refusal).toBe(true);
      await eventually(async () => {
        const reply = await tryAcquire(driver, request(freshName(), TTL)).catch(() => undefined);
        return reply?.granted === true;
      });
      await driver.stop();
      await pooler.stop();
    },
  );
});
