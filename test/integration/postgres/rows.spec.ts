import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Driver } from '../../../lib/drivers/driver.js';
import { tryAcquire } from '../../support/driver-calls.js';
import { FakeClock } from '../../support/fake-clock.js';
import { freshName, granted, recordingContext, request } from '../../support/driver-suite.js';
import { postgresDriverOn } from '../../support/postgres-drivers.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';

describe.skipIf(postgresBin() === undefined)('the rows of locks in PostgreSQL', () => {
  let server: PostgresServer;
  let url: string;
  let driver: Driver;
  let lock: string;

  beforeAll(async () => {
    server = await PostgresServer.start();
    url = await server.newDatabase();
  });

  beforeEach(async () => {
    lock = freshName();
    driver = await postgresDriverOn(url, recordingContext());
    await driver.start();
  });

  afterEach(() => driver.stop());
  afterAll(stopAllPostgres);

  it('tokens grow over a row that was deleted, as nobody had used it for a day', async () => {
    const fenced = { ...request(lock), fencing: true };
    const first = granted(await tryAcquire(driver, fenced));
    await driver.locks.release(first);
    await server.query(
      `UPDATE nest_coordination.lease SET expires_at = now() - interval '25 hours' WHERE name = '${lock}'`,
      url,
    );
    await server.query('SELECT nest_coordination.purge_locks_1(NULL)', url);
    expect(await server.query(`SELECT FROM nest_coordination.lease WHERE name = '${lock}'`, url)).toEqual([]);
    const second = granted(await tryAcquire(driver, fenced));
    expect(second.tokens!.first).toBeGreaterThan(first.tokens!.first);
  });

  it('a lock that is held or was used lately is not deleted', async () => {
    const grant = granted(await tryAcquire(driver, request(lock)));
    await server.query('SELECT nest_coordination.purge_locks_1(NULL)', url);
    expect(await driver.locks.release(grant)).toBe(true);
    await server.query('SELECT nest_coordination.purge_locks_1(NULL)', url);
    const rows = await server.query(`SELECT FROM nest_coordination.lease WHERE name = '${lock}'`, url);
    expect(rows).toHaveLength(1);
  });

  describe('of which there are many', () => {
    const MANY = 5000;
    /** For each table, its rows as values, of which some are not used any more. */
    const ROWS: Readonly<Record<string, string>> = {
      lease: `'many-' || i, 1, NULL, NULL, now() - CASE WHEN i % 9 = 0 THEN interval '25 hours' ELSE interval '1 hour' END`,
      share: `'many-' || i, 'aa+', 'member', 1, now() - CASE WHEN i % 9 = 0 THEN interval '25 hours' ELSE interval '1 hour' END`,
      record: `'many', 'key-' || i, 1, '', now() + CASE WHEN i % 9 = 0 THEN interval '-1 second' ELSE interval '1 hour' END`,
    };
    let many: string;
    const UNUSED = Math.floor(MANY / 9);

    const countOf = async (table: string): Promise<number> => {
      const column = table === 'record' ? 'space' : 'name';
      const rows = await server.query(
        `SELECT count(*)::integer AS n FROM nest_coordination.${table} WHERE ${column} LIKE 'many%'`,
        many,
      );
      return Number(rows[0]?.['n']);
    };

    beforeEach(async () => {
      many = await server.newDatabase();
      const first = await postgresDriverOn(many);
      await first.start();
      await first.stop();
      for (const [table, values] of Object.entries(ROWS))
        await server.query(
          `INSERT INTO nest_coordination.${table} SELECT ${values} FROM generate_series(1, ${MANY}) AS i`,
          many,
        );
      await server.query(
        'ANALYZE nest_coordination.lease, nest_coordination.share, nest_coordination.record',
        many,
      );
    });

    it.each(['purge_locks_1', 'purge_records_1'])('are looked at a few at a time: %s', async (name) => {
      const client = await server.client(many);
      await client.query('BEGIN');
      await client.query(`SELECT nest_coordination.${name}(NULL)`);
      const { rows } = await client.query<{ read: number }>(
        `SELECT max(seq_tup_read + coalesce(idx_tup_fetch, 0))::integer AS read FROM pg_stat_xact_user_tables WHERE schemaname = 'nest_coordination'`,
      );
      await client.query('ROLLBACK');
      await client.end();
      expect(rows[0]!.read).toBeGreaterThan(100);
      expect(rows[0]!.read).toBeLessThan(MANY / 3);
    });

    it('are walked over each hour, and those that are not used are deleted', async () => {
      const clock = new FakeClock();
      // Its time goes faster than that of the server.
      const pool = { query_timeout: 3_600_000 };
      const hourly = await postgresDriverOn(many, { ...recordingContext(), clock }, { pool });
      await hourly.start();
      await clock.advance(3_600_000 * 1.5);
      const left = async (): Promise<number[]> => {
        await clock.advance(150);
        return Promise.all(Object.keys(ROWS).map(countOf));
      };
      const used = MANY - UNUSED;
      await expect.poll(left, { interval: 5 }).toEqual([used, used, used]);
      await hourly.stop();
    });
  });

  it('a lock that was not used for a day stays while a transaction under it is open, or a call waits for it', async () => {
    const names = [lock, freshName(), freshName()];
    for (const name of names)
      await server.query(
        `INSERT INTO nest_coordination.lease VALUES ('${name}', 1, NULL, NULL, now() - interval '25 hours')`,
        url,
      );
    await server.query(
      `INSERT INTO nest_coordination.waiter (name, id, member, look, ttl, alive_until) VALUES ('${names[1]}', 'aa', 'member', 1, 1000, now())`,
      url,
    );
    const client = await server.client(url);
    await client.query('BEGIN');
    await client.query(`SELECT FROM nest_coordination.lease WHERE name = '${lock}' FOR KEY SHARE`);
    await server.query('SELECT nest_coordination.purge_locks_1(NULL)', url);
    await client.end();
    const rows = await server.query(
      `SELECT name FROM nest_coordination.lease WHERE name IN ('${names.join(`', '`)}')`,
      url,
    );
    expect(new Set(rows.map(({ name }) => name))).toEqual(new Set(names.slice(0, 2)));
  });

  it('a grant asks for a commit that a crash does not forget, and a plain release does not', async () => {
    const client = await server.client(url);
    const committed = async (call: string): Promise<unknown> => {
      await client.query('BEGIN');
      await client.query(`SET LOCAL synchronous_commit = off`);
      await client.query(`SELECT nest_coordination.${call}`);
      const { rows } = await client.query<{ setting: string }>(
        `SELECT current_setting('synchronous_commit') AS setting`,
      );
      await client.query('COMMIT');
      return rows[0]?.setting;
    };
    expect(await committed(`acquire_1('${lock}', 'aa', 'member', 60000, NULL, 0, 0, NULL)`)).toBe('on');
    expect(await committed(`renew_1(ARRAY['${lock}'], ARRAY['aa'], 60000)`)).toBe('on');
    expect(await committed(`put_record_1('suite', 'key', 1, 'value', 1000)`)).toBe('on');
    expect(await committed(`release_1('${lock}', 'aa', 0, NULL)`)).toBe('off');
    await client.end();
  });

  it('of a busy lock stay on their page', async () => {
    for (let round = 0; round < 300; round += 1)
      await driver.locks.release(granted(await tryAcquire(driver, request(lock))));
    const [row] = await server.query(
      `SELECT pg_relation_size('nest_coordination.lease')::integer AS size`,
      url,
    );
    expect(Number(row?.['size'])).toBeLessThan(200_000);
  });
});
