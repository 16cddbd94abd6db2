import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../../lib/coordinator.service.js';
import { describeDriver, freshName } from '../../support/driver-suite.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { PgBouncer } from '../../support/pgbouncer.js';
import { postgresDriverOn } from '../../support/postgres-drivers.js';
import { hasPgBouncer, postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { THOROUGH } from '../../support/thorough.js';

describe.skipIf(postgresBin() === undefined || !hasPgBouncer())('behind a pooler,', () => {
  let server: PostgresServer;
  let transactions: PgBouncer;
  let sessions: PgBouncer;
  let direct = '';
  let database = '';

  beforeAll(async () => {
    server = await PostgresServer.start();
    transactions = await PgBouncer.start(server.port, 'transaction');
    sessions = await PgBouncer.start(server.port, 'session');
    direct = await server.newDatabase();
    database = new URL(direct).pathname.slice(1);
  });

  afterAll(async () => {
    await Promise.all([transactions.stop(), sessions.stop()]);
    await stopAllPostgres();
  });

  if (THOROUGH)
    describeDriver('postgres (PgBouncer, transactions)', {
      traits: ['lease', 'queue', 'shared'],
      create: (context) => postgresDriverOn(transactions.urlOf(database), context),
    });

  /** How long a waiter waits after a release, ms: the median; and what was warned of. */
  async function handOff(url: string, listen?: boolean | string): Promise<[number, string[]]> {
    const log = RecordedLog.install();
    const [holder, waiter] = [
      new CoordinatorService({ backendUrl: direct }),
      new CoordinatorService({ backendUrl: url, postgres: { listen } }),
    ];
    await Promise.all([holder.start(), waiter.start()]);
    try {
      const waits: number[] = [];
      for (let round = 0; round < 7; round += 1) {
        const lock = freshName();
        const lease = await holder.getLock(lock).hold();
        const waiting = new Promise((resolve) => waiter.on('lease.waiting', resolve));
        const next = waiter.getLock(lock).hold();
        await waiting;
        const began = performance.now();
        await lease.release();
        await (await next).release();
        waits.push(performance.now() - began);
      }
      return [waits.toSorted((one, other) => one - other)[3]!, log.of('warn')];
    } finally {
      await Promise.all([holder.stop(), waiter.stop()]);
    }
  }

  it('of transactions, waiters look often, and one line says why', async () => {
    const [wait, warnings] = await handOff(transactions.urlOf(database));
    expect(wait).toBeLessThan(500);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/is reached through a pooler.*every 50 to 100 ms.*postgres\.listen/);
  });

  it('the URL to listen at has to lead to the same database', async () => {
    const another = await server.newDatabase();
    const coordinator = new CoordinatorService({
      backendUrl: transactions.urlOf(database),
      postgres: { listen: another },
      startTimeout: 0,
    });
    await expect(coordinator.start()).rejects.toThrow(
      /postgres\.listen .* leads to another database than backendUrl/,
    );
    await coordinator.stop();
  });

  it('of sessions, waiters are told when the option says that they can be', async () => {
    const [wait, warnings] = await handOff(sessions.urlOf(database), true);
    expect(wait).toBeLessThan(500);
    expect(warnings).toEqual([]);
  });

  it('waiters are told over a second URL that leads past it', async () => {
    const [wait, warnings] = await handOff(transactions.urlOf(database), direct);
    expect(wait).toBeLessThan(500);
    expect(warnings).toEqual([]);
  });
});
