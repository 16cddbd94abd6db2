import { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BackendUnavailableError } from '../../../lib/errors.js';
import type { Driver } from '../../../lib/drivers/driver.js';
import { tryAcquire } from '../../support/driver-calls.js';
import {
  freshName,
  granted,
  recordingContext,
  renewed,
  request,
  SuiteWaiter,
} from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { postgresDriverOn } from '../../support/postgres-drivers.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';

/** A statement takes at most this, ms: a fifth of the ttl. */
const COMMAND = 1500;
/** Beside other tests. */
const SOON = 15_000;

describe.skipIf(postgresBin() === undefined)('PostgreSQL in trouble', () => {
  let server: PostgresServer;
  let proxy: TcpProxy;
  let url: string;
  let lock: string;
  const drivers: Driver[] = [];

  beforeAll(async () => {
    server = await PostgresServer.start();
    proxy = await TcpProxy.start(() => server.port);
    const { pathname } = new URL(await server.newDatabase());
    url = `postgres://postgres@127.0.0.1:${proxy.port}${pathname}`;
  });

  beforeEach(() => {
    lock = freshName();
  });

  afterEach(async () => {
    proxy.heal();
    await Promise.all(drivers.splice(0).map((driver) => driver.stop()));
  });

  afterAll(async () => {
    await proxy.stop();
    await stopAllPostgres();
  });

  async function started(options = {}, from: string | null = url) {
    const context = recordingContext();
    const driver = await postgresDriverOn(from ?? undefined, context, options, 5 * COMMAND);
    drivers.push(driver);
    await driver.start();
    return { driver, context, states: () => context.changes.map(({ state }) => state) };
  }

  /** The call fails because of the back end, and soon. */
  async function failsSoon(call: Promise<unknown>): Promise<BackendUnavailableError> {
    const began = performance.now();
    const error: unknown = await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(BackendUnavailableError);
    expect(performance.now() - began).toBeLessThan(SOON);
    expect((error as Error).message).not.toContain('\n');
    return error as BackendUnavailableError;
  }

  /** Whether the driver gets the lock; false while it has no answer. */
  const gets = (driver: Driver, name: string): Promise<boolean> =>
    tryAcquire(driver, request(name)).then(
      (reply) => reply.granted,
      (error: unknown) => {
        if (error instanceof BackendUnavailableError) return false;
        throw error;
      },
    );

  it('that is stopped, fails calls in bounded time, is told of as down, and is used again', async () => {
    const { driver, states, context } = await started();
    const held = granted(await tryAcquire(driver, request(freshName(), 60_000)));
    server.pause();
    try {
      const error = await failsSoon(tryAcquire(driver, request(lock)));
      expect(error.message).toMatch(
        /^Cannot acquire a lock: PostgreSQL 127\.0\.0\.1:\d+\/\w+ did not answer in time$/,
      );
      await eventually(() => states().at(-1) === 'down');
      await failsSoon(driver.locks.renew([held], 60_000));
      await failsSoon(driver.records.get('suite', 'key'));
    } finally {
      server.resume();
    }
    await eventually(() => states().at(-1) === 'up');
    expect(states()).toEqual(['up', 'down', 'up']);
    expect(context.changes[1]?.cause?.message).toMatch(/^Cannot go on: PostgreSQL .* did not answer in time/);
    expect(await renewed(driver, held, 10_000)).toBe(true);
    // What its statement got when it ran late was given back, or has ended by its ttl.
    await eventually(() => gets(driver, lock));
  });

  it.each(['hold', 'lose'] as const)('whose network swallows everything (%s), is the same', async (cut) => {
    const { driver, states } = await started();
    proxy.set('both', { cut });
    await failsSoon(tryAcquire(driver, request(lock)));
    await eventually(() => states().at(-1) === 'down');
    proxy.heal();
    await eventually(() => states().at(-1) === 'up');
    await eventually(() => gets(driver, lock));
  });

  it('keeps every lease that it has acknowledged through a crash, and its tokens grow', async () => {
    const { driver, states } = await started();
    const grant = granted(await tryAcquire(driver, { ...request(lock, 60_000), fencing: true }));
    await server.restart();
    await eventually(() => states().at(-1) === 'up');
    // No wait for the longest ttl, as nothing was forgotten.
    expect((await tryAcquire(driver, request(lock))).granted).toBe(false);
    expect(await renewed(driver, grant, 60_000)).toBe(true);
    expect(await driver.locks.release(grant)).toBe(true);
    const next = granted(await tryAcquire(driver, { ...request(lock), fencing: true }));
    expect(next.tokens!.first).toBeGreaterThan(grant.tokens!.first);
  });

  it('wakes who waited through a restart', async () => {
    const holder = await started();
    const grant = granted(await tryAcquire(holder.driver, request(lock, 60_000)));
    const { driver, states } = await started();
    const waiter = new SuiteWaiter(driver, lock);
    await waiter.enqueue();
    await server.restart();
    await eventually(() => states().at(-1) === 'up' && holder.states().at(-1) === 'up');
    await holder.driver.locks.release(grant);
    await driver.locks.release(await waiter.turn());
  });

  it('that has answered while this process was blocked, or stopped, is not down', async () => {
    const direct = `postgres://postgres@127.0.0.1:${server.port}${new URL(url).pathname}`;
    const { driver, states } = await started({}, direct);
    const reply = tryAcquire(driver, request(lock, 60_000));
    await new Promise(setImmediate);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * COMMAND);
    const grant = granted(await reply);
    expect(await renewed(driver, grant, 60_000)).toBe(true);
    expect(states()).toEqual(['up']);
  });

  it('that ends one of the two connections, is not down: the other one stands in', async () => {
    const { driver, states } = await started();
    for (const which of ['acquire_1', 'LISTEN']) {
      granted(await tryAcquire(driver, request(freshName())));
      const pattern = which === 'LISTEN' ? '%LISTEN%' : '%acquire_1%';
      await server.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nestjs-coordination' AND query LIKE '${pattern}'`,
      );
      // A call that is under way when its connection ends fails: whether it took effect is unknown.
      await eventually(() => gets(driver, freshName()));
    }
    expect(states()).toEqual(['up']);
  });

  it('whose row a stranger has locked, refuses that lock and goes on with all others', async () => {
    const { driver, states } = await started();
    const [stuck, other] = [
      granted(await tryAcquire(driver, request(lock, 60_000))),
      granted(await tryAcquire(driver, request(freshName(), 60_000))),
    ];
    const psql = await server.client(`postgres://postgres@127.0.0.1:${server.port}${new URL(url).pathname}`);
    await psql.query('BEGIN');
    await psql.query(`SELECT FROM nest_coordination.lease WHERE name = '${lock}' FOR UPDATE`);
    const [one, two] = await driver.locks.renew([stuck, other], 60_000);
    expect(one).toMatchObject({
      kind: 'failed',
      error: { message: expect.stringMatching(/locked by another session/) },
    });
    expect(two).toEqual({ kind: 'renewed' });
    await psql.query('COMMIT');
    await psql.end();
    expect(await renewed(driver, stuck, 60_000)).toBe(true);
    expect(states()).toEqual(['up']);
  });

  it('whose pool the application has used up, renews all the same', async () => {
    const pool = new Pool({ connectionString: url, max: 1 });
    const taken = await pool.connect();
    const { driver } = await started({ pool }, null);
    const grant = granted(await tryAcquire(driver, request(lock)));
    expect(await renewed(driver, grant, 10_000)).toBe(true);
    expect(pool.totalCount).toBe(1);
    taken.release();
    await pool.end();
  });

  it('gives back a lock that was granted to a caller who had gone', async () => {
    // Without the proxy: what is in the socket of a server that is stopped runs when that goes on.
    const direct = `postgres://postgres@127.0.0.1:${server.port}${new URL(url).pathname}`;
    const { driver, states } = await started({}, direct);
    const { driver: other } = await started({}, direct);
    server.pause();
    await failsSoon(tryAcquire(driver, request(lock, 3_600_000)));
    server.resume();
    await eventually(() => states().at(-1) === 'up');
    // It was granted for an hour, to a client that was not there.
    await eventually(() => gets(other, lock));
  });

  it('is told again of a release that it did not confirm', async () => {
    const { driver, states } = await started();
    const { driver: other } = await started();
    const grant = granted(await tryAcquire(driver, request(lock, 3_600_000)));
    proxy.set('down', { cut: 'hold' });
    await failsSoon(driver.locks.release(grant));
    proxy.heal();
    proxy.reset();
    await eventually(() => states().at(-1) === 'up');
    const isFree = async (): Promise<boolean> => (await tryAcquire(other, request(lock))).granted;
    // The connections of both were cut.
    await eventually(() => isFree().catch(() => false));
  });

  it('leaves no connection behind after the stop, also with calls under way', async () => {
    const { driver } = await started();
    const calls = Array.from({ length: 20 }, () =>
      tryAcquire(driver, request(freshName())).catch(() => undefined),
    );
    await driver.stop();
    await Promise.all(calls);
    await eventually(async () => {
      const rows = await server.query(
        `SELECT count(*)::integer AS n FROM pg_stat_activity WHERE application_name = 'nestjs-coordination'`,
      );
      return rows[0]?.['n'] === 0;
    });
  });
});
