import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Driver } from '../../../lib/drivers/driver.js';
import { tryAcquire } from '../../support/driver-calls.js';
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
    await server.query('SELECT nest_coordination.purge_1()', url);
    expect(await server.query(`SELECT FROM nest_coordination.lease WHERE name = '${lock}'`, url)).toEqual([]);
    const second = granted(await tryAcquire(driver, fenced));
    expect(second.tokens!.first).toBeGreaterThan(first.tokens!.first);
  });

  it('a lock that is held or was used lately is not deleted', async () => {
    const grant = granted(await tryAcquire(driver, request(lock)));
    await server.query('SELECT nest_coordination.purge_1()', url);
    expect(await driver.locks.release(grant)).toBe(true);
    await server.query('SELECT nest_coordination.purge_1()', url);
    const rows = await server.query(`SELECT FROM nest_coordination.lease WHERE name = '${lock}'`, url);
    expect(rows).toHaveLength(1);
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
