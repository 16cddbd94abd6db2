import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresSchema } from 'nestjs-coordination';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { runTool } from './tool.js';

const SECRET = 'correct-horse-battery';

/** Every object of a schema, as text that is the same where the schemas are. */
const OBJECTS = (schema: string): string => `
  SELECT 'table ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) AS object
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = '${schema}'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
  UNION ALL SELECT 'function ' || md5(replace(pg_get_functiondef(p.oid), '${schema}', 'x')) || ' ' || p.proname
    FROM pg_proc p WHERE p.pronamespace = '${schema}'::regnamespace
  UNION ALL SELECT 'relation ' || c.relkind::text || ' ' || c.relname FROM pg_class c
    WHERE c.relnamespace = '${schema}'::regnamespace
  ORDER BY 1`;

describe.skipIf(postgresBin() === undefined)('nestjs-coordination migrate, status and sql', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await PostgresServer.start();
    await server.query(`CREATE ROLE app LOGIN PASSWORD '${SECRET}'`);
  });
  afterAll(stopAllPostgres);

  const asApp = (url: string): string => url.replace('//postgres@', `//app:${SECRET}@`);

  it('says that there is no schema, creates it once, and says that it is complete', async () => {
    const url = await server.newDatabase();
    const before = await runTool(['status', '--url', url]);
    expect(before).toMatchObject({ code: 1, stderr: '' });
    expect(before.stdout).toContain('schema nest_coordination is not there; run nestjs-coordination migrate');
    const made = await runTool(['migrate'], { COORDINATION_BACKEND_URL: url });
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toContain('schema nest_coordination created');
    expect(JSON.parse((await runTool(['migrate', '--json', '--url', url])).stdout)).toMatchObject({
      state: 'complete',
      created: false,
    });
    const after = await runTool(['status', '--url', url]);
    expect(after).toMatchObject({ code: 0, stderr: '' });
    expect(after.stdout).toContain('is complete, and the role postgres has all rights');
  });

  it('prints the SQL that makes the same schema when psql runs it', async () => {
    const [byTool, byPsql] = [await server.newDatabase(), await server.newDatabase()];
    const options = { COORDINATION_POSTGRES_SCHEMA: 'locks' };
    expect(await runTool(['migrate', '--url', byTool], options)).toMatchObject({ code: 0 });
    const { stdout, code } = await runTool(['sql'], options);
    expect(code).toBe(0);
    expect(stdout.trimEnd()).toBe(postgresSchema('locks').trimEnd());
    const psql = join(postgresBin()!, 'psql');
    const run = spawnSync(psql, ['--no-psqlrc', '-q', '-v', 'ON_ERROR_STOP=1', byPsql], {
      input: stdout,
      encoding: 'utf8',
    });
    expect(run.stderr.replaceAll(/^NOTICE:.*\n/gm, '')).toBe('');
    expect(run.status).toBe(0);
    const [one, other] = [
      await server.query(OBJECTS('locks'), byTool),
      await server.query(OBJECTS('locks'), byPsql),
    ];
    expect(one.length).toBeGreaterThan(20);
    expect(other).toEqual(one);
    expect(await runTool(['status', '--url', byPsql], options)).toMatchObject({ code: 0 });
    expect((await runTool(['sql', '--schema', 'other'])).stdout.trimEnd()).toBe(
      postgresSchema('other').trimEnd(),
    );
  });

  it('says what a role lacks that may not create anything, and shows no password', async () => {
    const url = await server.newDatabase();
    const refused = await runTool(['migrate', '--url', asApp(url)]);
    expect(refused.code).toBe(69);
    expect(refused.stderr).toMatch(/refuses this role a right/);
    await runTool(['migrate', '--url', url]);
    const forbidden = await runTool(['status', '--url', asApp(url)]);
    expect(forbidden).toMatchObject({ code: 1, stderr: '' });
    expect(forbidden.stdout).toContain('may not be used by the role app');
    await server.query('GRANT USAGE ON SCHEMA nest_coordination TO app', url);
    const lacking = await runTool(['status', '--json', '--url', asApp(url)]);
    expect(JSON.parse(lacking.stdout)).toMatchObject({
      state: 'complete',
      lacking: expect.arrayContaining([
        'INSERT on nest_coordination.lease',
        'USAGE on nest_coordination.token',
      ]),
    });
    await server.query('DROP FUNCTION nest_coordination.open_1', url);
    const old = await runTool(['status', '--url', url]);
    expect(old.code).toBe(1);
    expect(old.stdout).toMatch(/of another version.*\n {2}missing: "nest_coordination"\.open_1/);
    for (const { stdout, stderr } of [refused, forbidden, lacking])
      expect(stdout + stderr).not.toContain(SECRET);
  });

  it('refuses another back end, and a name that is none', async () => {
    const redis = await runTool(['status', '--url', 'redis://127.0.0.1']);
    expect(redis).toMatchObject({ code: 64, stdout: '' });
    expect(redis.stderr).toContain('a schema is for PostgreSQL, and the back end is redis');
    const name = await runTool(['sql', '--schema', 'Drop; table']);
    expect(name).toMatchObject({ code: 64, stdout: '' });
    expect(name.stderr).toContain('is no name of a schema');
  });
});
