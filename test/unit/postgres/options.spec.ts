import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { type CoordinationOptions, resolveOptions } from '../../../lib/coordination.options.js';
import { InvalidOptionsError } from '../../../lib/errors.js';

const PASSWORD = 'correct-horse-battery';

function problemOf(options: CoordinationOptions): string {
  try {
    resolveOptions(options);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
    expect((error as Error).message).not.toContain('\n');
    return (error as Error).message;
  }
  throw new Error('nothing was wrong with it');
}

describe('the options of PostgreSQL', () => {
  it.each([
    'postgres://app:secret@db:5432/app',
    'postgresql://db/app?sslmode=require&ttl=5s&schema=locks',
    'postgres:///app?host=/run/postgresql',
    'postgres://[::1]:5433/app?migrate=false&listen=true',
  ])('take %s', (backendUrl) => {
    expect(() => resolveOptions({ backendUrl })).not.toThrow();
  });

  it.each<[string, CoordinationOptions, RegExp]>([
    [
      'no host',
      { backendUrl: 'postgres:app' },
      /a host is missing; write postgres:\/\/host:5432\/database|unknown scheme|is not a URL/,
    ],
    [
      'an unencoded @',
      { backendUrl: `postgres://app:p@${PASSWORD}@db/app` },
      /there is an "@" in user, password or database/,
    ],
    [
      'several hosts',
      { backendUrl: 'postgres://one,two/app' },
      /several hosts; give one, .* follows the primary/,
    ],
    ['several URLs', { backendUrl: 'postgres://one/app,postgres://two/app' }, /give one postgres: URL/],
    [
      'an unknown key',
      { backendUrl: 'postgres://db/app?sslmod=require' },
      /unknown option "sslmod" in the query/,
    ],
    [
      'a schema that is no plain name',
      { backendUrl: 'postgres://db', postgres: { schema: 'a"b' } },
      /postgres\.schema \(COORDINATION_POSTGRES_SCHEMA\) must be a plain name/,
    ],
    [
      'a migrate that is no boolean',
      { backendUrl: 'postgres://db?migrate=perhaps' },
      /postgres\.migrate \(COORDINATION_POSTGRES_MIGRATE\) must be true or false/,
    ],
    [
      'a listen that is no URL',
      { backendUrl: 'postgres://db', postgres: { listen: `redis://${PASSWORD}` } },
      /postgres\.listen .* must be true, false or a postgres:\/\/ URL/,
    ],
    [
      'a pool that is a text',
      { postgres: { pool: PASSWORD as never } },
      /postgres\.pool must be a Pool of pg/,
    ],
    [
      'an option that there is not',
      { backendUrl: 'postgres://db', postgres: { max: 5 } as never },
      /postgres has no option 'max', known are pool, schema, migrate, listen; options of pg stand in postgres: \{ pool/,
    ],
    [
      'a pool beside a URL of Redis',
      { backendUrl: 'redis://h', postgres: { pool: {} } },
      /postgres\.pool is given, but the URL is a redis: URL/,
    ],
  ])('refuse %s', (_what, options, problem) => {
    expect(problemOf(options)).toMatch(problem);
  });

  it('may stand beside the URL of a test where they are settings only', () => {
    expect(() => resolveOptions({ backendUrl: 'memory:', postgres: { schema: 'locks' } })).not.toThrow();
  });
});
