import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CoordinatorService } from 'nestjs-coordination';
import { diagnose, toldAs } from '../../support/diagnosis.js';
import { PgBouncer } from '../../support/pgbouncer.js';
import { hasPgBouncer, postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { RecordedLog } from '../../support/recorded-log.js';
import { freePort } from '../../support/redis-ports.js';
import { clockOffBy } from '../../support/wrong-clock.js';

const SECRET = 'correct-horse-battery';
const GRANTS = `GRANT USAGE ON SCHEMA nest_coordination TO app;
  GRANT SELECT, INSERT, UPDATE, DELETE ON nest_coordination.lease, nest_coordination.share, nest_coordination.waiter, nest_coordination.record, nest_coordination.watcher TO app;
  GRANT SELECT, INSERT, UPDATE ON nest_coordination.server TO app;
  GRANT USAGE, UPDATE ON SEQUENCE nest_coordination.token TO app;`;

describe.skipIf(postgresBin() === undefined)('the doctor on PostgreSQL', () => {
  let server: PostgresServer;
  let url = '';

  beforeAll(async () => {
    RecordedLog.install();
    server = await PostgresServer.start({ config: ['fsync = on'] });
    await server.query(`CREATE ROLE app LOGIN PASSWORD '${SECRET}'`);
    url = server.urlOf();
    const coordinator = new CoordinatorService({ backendUrl: url });
    await coordinator.start();
    await coordinator.stop();
  });
  afterEach(() => server.query('ALTER SYSTEM RESET ALL').then(() => server.query('SELECT pg_reload_conf()')));
  afterAll(stopAllPostgres);

  const asApp = (of = url): string => of.replace('//postgres@', `//app:${SECRET}@`);

  it('says that all is well, of a role that has its rights and no more', async () => {
    await server.query(GRANTS);
    // A trip of half that time is warned of, and may take some of it on a busy machine.
    const postgres = { migrate: false, pool: { query_timeout: 20_000 } };
    const diagnosis = await diagnose({ backendUrl: asApp(), postgres }, [SECRET]);
    expect(toldAs('problem', diagnosis)).toEqual([]);
    expect(toldAs('warning', diagnosis)).toEqual([]);
    const checks = diagnosis.findings.filter(({ level }) => level === 'ok').map(({ check }) => check);
    expect(checks).toEqual(
      expect.arrayContaining([
        'reach',
        'latency',
        'clock',
        'version',
        'role',
        'fsync',
        'schema',
        'rights',
        'listen',
      ]),
    );
  });

  it('finds a schema that is missing, and says when the next start makes it', async () => {
    const empty = await server.newDatabase();
    const off = await diagnose({ backendUrl: empty, postgres: { migrate: false } });
    expect(toldAs('problem', off)).toEqual(['schema: there is no schema nest_coordination']);
    const on = await diagnose({ backendUrl: empty, postgres: { migrate: true } });
    expect(toldAs('problem', on)).toEqual([]);
    expect(toldAs('note', on)).toContain('schema: there is no schema nest_coordination');
    const mayNot = await diagnose({ backendUrl: asApp(empty), postgres: { migrate: true } }, [SECRET]);
    expect(toldAs('problem', mayNot)).toEqual(['schema: there is no schema nest_coordination']);
    expect(await server.query(`SELECT to_regnamespace('nest_coordination') AS made`, empty)).toEqual([
      { made: null },
    ]);
  });

  it('finds the rights that the role lacks', async () => {
    const database = await server.newDatabase();
    const coordinator = new CoordinatorService({ backendUrl: database });
    await coordinator.start();
    await coordinator.stop();
    const none = await diagnose({ backendUrl: asApp(database) }, [SECRET]);
    expect(toldAs('problem', none)).toEqual([
      'rights: the role app may not use the schema nest_coordination',
    ]);
    await server.query(GRANTS, database);
    await server.query('REVOKE DELETE ON nest_coordination.waiter FROM app', database);
    await server.query('DROP FUNCTION nest_coordination.purge_locks_1', database);
    const old = await diagnose({ backendUrl: asApp(database), postgres: { migrate: false } }, [SECRET]);
    expect(toldAs('problem', old).join()).toMatch(/^schema: .* lacks 1 functions of this version/);
    await coordinator.start();
    await coordinator.stop();
    const some = await diagnose({ backendUrl: asApp(database) }, [SECRET]);
    expect(toldAs('problem', some)).toEqual([
      'rights: the role app lacks DELETE on nest_coordination.waiter',
    ]);
  });

  it('finds fsync off, a role that is read-only, and a connection that is not encrypted', async () => {
    await server.query('ALTER SYSTEM SET fsync = off');
    await server.query('SELECT pg_reload_conf()');
    await expect.poll(async () => (await server.query('SHOW fsync'))[0]).toEqual({ fsync: 'off' });
    expect(toldAs('problem', await diagnose({ backendUrl: url }))).toEqual(['fsync: fsync is off']);
    await server.query('ALTER SYSTEM RESET fsync');
    await server.query('SELECT pg_reload_conf()');
    await server.query('CREATE ROLE reader LOGIN SUPERUSER');
    await server.query('ALTER ROLE reader SET default_transaction_read_only = on');
    const reader = await diagnose({ backendUrl: server.urlOf('postgres', 'reader') });
    expect(toldAs('problem', reader).join()).toContain('role: its transactions are read-only');
  });

  it('finds a standby', async () => {
    const standby = await server.startStandby();
    await expect
      .poll(() => standby.query('SELECT pg_is_in_recovery() AS is').catch(() => undefined))
      .toEqual([{ is: true }]);
    const diagnosis = await diagnose({ backendUrl: standby.urlOf() });
    expect(toldAs('problem', diagnosis)).toContain('role: it is a standby (in recovery)');
    await standby.stop();
  });

  it('finds who cannot be reached, a database that is not there, and a wrong password', async () => {
    const port = await freePort();
    const away = await diagnose({ backendUrl: `postgres://a:${SECRET}@127.0.0.1:${port}/a` }, [SECRET]);
    expect(toldAs('problem', away).join()).toMatch(/^reach: it takes no connection/);
    const nowhere = await diagnose({ backendUrl: server.urlOf('nowhere') });
    expect(toldAs('problem', nowhere).join()).toMatch(/^reach: it has no such database/);
    const strict = await PostgresServer.start();
    await strict.query(`CREATE ROLE app LOGIN PASSWORD 'another-one'`);
    await strict.query(`COPY (SELECT 'host all all all scram-sha-256') TO '${strict.directory}/pg_hba.conf'`);
    await strict.query('SELECT pg_reload_conf()');
    await expect
      .poll(async () =>
        toldAs(
          'problem',
          await diagnose({ backendUrl: `postgres://app:${SECRET}@127.0.0.1:${strict.port}/postgres` }, [
            SECRET,
          ]),
        ).join(),
      )
      .toMatch(/^reach: it refuses user or password/);
    await strict.stop();
  });

  it('finds a clock that differs from that of this machine', async () => {
    const ahead = await diagnose({ backendUrl: url }, [], clockOffBy(-5000));
    expect(toldAs('warning', ahead).join()).toMatch(/clock: its clock is (49|50)\d\d ms ahead/);
    const behind = await diagnose({ backendUrl: url }, [], clockOffBy(90_000));
    expect(toldAs('problem', behind).join()).toMatch(/clock: its clock is (89|90)\d\d\d ms behind/);
  });

  it.skipIf(!hasPgBouncer())(
    'finds a pooler without a URL to listen at, and one that leads elsewhere',
    async () => {
      const pooler = await PgBouncer.start(server.port, 'transaction');
      try {
        const backendUrl = pooler.urlOf('postgres');
        const pooled = await diagnose({ backendUrl });
        expect(toldAs('warning', pooled)).toContain('listen: a pooler is on the way');
        const well = await diagnose({ backendUrl, postgres: { listen: url } });
        expect(toldAs('ok', well)).toContain('listen: the URL of listen leads to the same database');
        const elsewhere = await diagnose({ backendUrl, postgres: { listen: await server.newDatabase() } });
        expect(toldAs('problem', elsewhere)).toEqual(['listen: the URL of listen leads to another database']);
      } finally {
        await pooler.stop();
      }
    },
  );
});
