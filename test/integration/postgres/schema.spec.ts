import { inspect } from 'node:util';
import { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { RIGHTS } from '../../../lib/drivers/postgres/index.js';
import {
  CoordinationSchemaError,
  CoordinatorService,
  type CoordinationOptions,
  InvalidOptionsError,
  postgresSchema,
} from '../../../lib/index.js';
import { freshName } from '../../support/driver-suite.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { freePort } from '../../support/redis-ports.js';

const PASSWORD = 'correct-horse-battery';

describe.skipIf(postgresBin() === undefined)('the schema in PostgreSQL', () => {
  let server: PostgresServer;
  let url: string;
  let role: string;
  const coordinators: CoordinatorService[] = [];

  beforeAll(async () => {
    server = await PostgresServer.start();
  });

  beforeEach(async () => {
    url = await server.newDatabase();
    role = freshName('role').replaceAll('-', '_');
    await server.query(`CREATE ROLE ${role} LOGIN PASSWORD '${PASSWORD}'`);
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await Promise.all(coordinators.splice(0).map((coordinator) => coordinator.stop()));
  });

  afterAll(stopAllPostgres);

  const asRole = (): string => url.replace('//postgres@', `//${role}:${PASSWORD}@`);

  function coordinator(backendUrl: string | undefined, postgres: CoordinationOptions['postgres'] = {}) {
    const made = new CoordinatorService({ backendUrl, postgres, stopTimeout: 0 });
    coordinators.push(made);
    return made;
  }

  /** The error of a start that has to fail: in one line, without a secret. */
  async function failedStart(made: CoordinatorService): Promise<Error> {
    const error = await made.start().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof Error)) throw new Error('it started');
    expect(error.message).not.toContain('\n');
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
    expect(inspect(made, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
    return error;
  }

  const locks = async (made: CoordinatorService): Promise<void> => {
    await made.start();
    const lock = made.getLock(freshName());
    expect(await lock.acquire()).toBe(true);
    expect(await lock.release()).toBe(true);
  };

  it('is created by whoever starts first, and by many at once', async () => {
    const many = Array.from({ length: 8 }, () => coordinator(url));
    await Promise.all(many.map((each) => each.start()));
    await locks(many[3]!);
  });

  it('has the name that it was given', async () => {
    await locks(coordinator(url, { schema: 'locks' }));
    expect(await server.query(`SELECT 1 FROM pg_namespace WHERE nspname = 'nest_coordination'`, url)).toEqual(
      [],
    );
  });

  it('is not created in production, and the error says what to run', async () => {
    vi.stubEnv('NODE_ENV', 'production');
    const error = await failedStart(coordinator(url));
    expect(error).toBeInstanceOf(CoordinationSchemaError);
    expect(error.message).toMatch(
      /lacks tables or functions.*postgres\.migrate .* is off: run the SQL of postgresSchema/,
    );
    await server.query(postgresSchema(), url);
    await server.query(postgresSchema(), url);
    await locks(coordinator(url));
  });

  it('needs a right to be created, and says so', async () => {
    const error = await failedStart(coordinator(asRole()));
    expect(error).toBeInstanceOf(CoordinationSchemaError);
    expect(error.message).toMatch(/refuses this role a right/);
  });

  it('is used with the least rights, and a right that lacks is named', async () => {
    await server.query(postgresSchema(), url);
    const error = await failedStart(coordinator(asRole(), { migrate: false }));
    expect(error).toBeInstanceOf(CoordinationSchemaError);
    await server.query(`GRANT USAGE ON SCHEMA nest_coordination TO ${role}`, url);
    const second = await failedStart(coordinator(asRole(), { migrate: false }));
    expect(second.message).toMatch(
      /^Cannot use PostgreSQL .*|^The role lacks rights: SELECT on nest_coordination\.lease/,
    );
    for (const [table, rights] of Object.entries(RIGHTS))
      await server.query(`GRANT ${rights.join(', ')} ON nest_coordination.${table} TO ${role}`, url);
    await server.query(`GRANT USAGE, UPDATE ON SEQUENCE nest_coordination.token TO ${role}`, url);
    await locks(coordinator(asRole(), { migrate: false }));
  });

  it('has a guard that needs the use of the schema alone', async () => {
    const holder = coordinator(url);
    await holder.start();
    await using lease = await holder.getLock('guarded').hold();
    const client = await server.client(asRole());
    await client.query('BEGIN');
    await expect(lease.assertIn(client)).rejects.toThrow(CoordinationSchemaError);
    await client.query('ROLLBACK');
    await server.query(`GRANT USAGE ON SCHEMA nest_coordination TO ${role}`, url);
    await client.query('BEGIN');
    await lease.assertIn(client);
    await client.query('COMMIT');
    await client.end();
  });

  it('works where transactions are REPEATABLE READ by default', async () => {
    await server.query(
      `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET default_transaction_isolation = 'repeatable read'`,
    );
    const [one, other] = [coordinator(url), coordinator(url)];
    await Promise.all([one.start(), other.start()]);
    for (let round = 0; round < 20; round += 1)
      await Promise.all([one, other].map((each) => each.using('contended', async () => undefined)));
  });

  it('commits grants for sure where the session would not', async () => {
    await server.query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET synchronous_commit = off`);
    await locks(coordinator(url));
    const holder = coordinator(url);
    await holder.start();
    await holder.getLock('kept').acquire();
    // A commit that is not waited for is written by the WAL writer some 200 ms later.
    await server.restart();
    const rows = await server.query(`SELECT holder FROM nest_coordination.lease WHERE name = 'kept'`, url);
    expect(rows[0]?.['holder']).toMatch(/^[0-9a-f]{32}$/);
  });

  it('takes a ready pool, with its password, and never its connections', async () => {
    const pool = new Pool({ connectionString: undefined, ...poolOptions(asRole()) });
    await server.query(postgresSchema(), url);
    await server.query(`GRANT USAGE ON SCHEMA nest_coordination TO ${role}`, url);
    await server.query(`GRANT ALL ON ALL TABLES IN SCHEMA nest_coordination TO ${role}`, url);
    await server.query(`GRANT ALL ON ALL SEQUENCES IN SCHEMA nest_coordination TO ${role}`, url);
    await locks(coordinator(undefined, { pool }));
    expect(pool.totalCount).toBe(0);
    await pool.end();
  });

  it('is refused on a server that cannot be reached, or has no such database', async () => {
    const port = await freePort();
    const away = await failedStart(coordinator(`postgres://user:${PASSWORD}@127.0.0.1:${port}/app`));
    expect(away.message).toMatch(
      new RegExp(
        `^Cannot use PostgreSQL 127\\.0\\.0\\.1:${port}/app: it takes no connection at that address`,
      ),
    );
    const missing = await failedStart(coordinator(server.urlOf('nowhere')));
    expect(missing).toBeInstanceOf(InvalidOptionsError);
    expect(missing.message).toMatch(/has no such database/);
  });

  it('speaks TLS', async () => {
    const secure = await PostgresServer.start({ tls: true });
    const plain = await failedStart(coordinator(secure.urlOf()));
    expect(plain.message).toMatch(/refuses user or password|pg_hba|no encryption/);
    const untrusted = await failedStart(coordinator(`${secure.urlOf()}?sslmode=verify-full`));
    expect(untrusted.message).toMatch(/certificate that is not trusted/);
    await locks(coordinator(secure.urlOf(), { pool: { ssl: { ca: secure.tls!.cert } } }));
    await secure.stop();
  });
});

function poolOptions(url: string): object {
  const { hostname: host, port, username: user, password, pathname } = new URL(url);
  return { host, port: Number(port), user, password, database: pathname.slice(1) };
}
