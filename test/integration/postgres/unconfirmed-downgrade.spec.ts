import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BackendUnavailableError, CoordinatorService, type Lease } from '../../../lib/index.js';
import { freshName } from '../../support/driver-suite.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';

type Session = Awaited<ReturnType<PostgresServer['client']>>;

const [TTL, HEARTBEAT] = [5000, 200];

describe.skipIf(postgresBin() === undefined)('a downgrade that PostgreSQL did not confirm', () => {
  let server: PostgresServer;
  let url: string;
  let ours: CoordinatorService;
  let others: CoordinatorService;
  let session: Session;
  let lock: string;

  beforeAll(async () => {
    server = await PostgresServer.start();
    url = await server.newDatabase();
    const options = { backendUrl: url, ttl: TTL, heartbeat: HEARTBEAT, stopTimeout: 0 };
    [ours, others] = [new CoordinatorService(options), new CoordinatorService(options)];
    await ours.start();
    await others.start();
  });

  beforeEach(async () => {
    lock = freshName();
    session = await server.client(url);
  });

  afterEach(() => session.end());

  afterAll(async () => {
    await Promise.all([ours.stop(), others.stop()]);
    await stopAllPostgres();
  });

  const reader = (): Promise<Lease> => others.getLock(lock, { shared: true }).hold({ blocking: 20_000 });

  /** A lease whose downgrade fails, as a session outside has its row locked. That session goes on to have it. */
  async function unconfirmed(handle = ours.getLock(lock)): Promise<Lease> {
    const lease = await handle.hold();
    await session.query('BEGIN');
    await session.query(`SELECT FROM nest_coordination.lease WHERE name = '${lock}' FOR UPDATE`);
    await expect(lease.downgrade()).rejects.toThrow(BackendUnavailableError);
    return lease;
  }

  it('lets the readers in at the next renewal', async () => {
    const lease = await unconfirmed();
    await session.query('COMMIT');
    await (await reader()).release();
    expect(lease.signal.aborted).toBe(false);
    expect(await lease.release()).toBe(true);
  });

  it('lets the readers in once the transaction is over that has outlasted it', async () => {
    const lease = await ours.getLock(lock).hold();
    await session.query('BEGIN');
    await lease.assertIn(session);
    const downgrade = lease.downgrade();
    const begun = performance.now();
    const busy = setInterval(() => void session.query('SELECT 1'), 300);
    await expect(downgrade).rejects.toThrow(/a transaction under its lease is still open/);
    clearInterval(busy);
    expect(performance.now() - begun).toBeGreaterThan(TTL - 100);
    expect(await others.getLock(lock, { shared: true }).acquire(false)).toBe(false);
    await session.query('COMMIT');
    await (await reader()).release();
    expect(await lease.release()).toBe(true);
  });

  it('leaves its owner the owner', async () => {
    const handle = ours.getLock(lock);
    const lease = await unconfirmed(handle);
    expect(await handle.isStillOwner()).toBe(true);
    await session.query('COMMIT');
    await (await reader()).release();
    expect(await handle.isStillOwner()).toBe(true);
    await lease.release();
  });

  it('is no loss to a transaction that checks its lease again', async () => {
    const lease = await ours.getLock(lock).hold();
    await session.query('BEGIN');
    await lease.assertIn(session);
    const downgrade = lease.downgrade();
    await lease.assertIn(session);
    await session.query('COMMIT');
    await downgrade;
    expect(await lease.release()).toBe(true);
  });

  it('is no loss to a transaction that began before the lease', async () => {
    const early = await server.client(url);
    await early.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await early.query('SELECT 1 FROM nest_coordination.lease');
    const lease = await unconfirmed();
    await expect(lease.assertIn(early)).rejects.toMatchObject({ reason: 'stale-snapshot' });
    expect(lease.signal.aborted).toBe(false);
    await Promise.all([session.query('COMMIT'), early.end()]);
    expect(await lease.release()).toBe(true);
  });

  it('that has run out by then has expired, and was taken over by no other', async () => {
    await server.query(
      `INSERT INTO nest_coordination.lease VALUES ('${lock}', 1, 'aa', 'member', now())`,
      url,
    );
    const text = `SELECT nest_coordination.renew_shares_1(ARRAY['${lock}'], ARRAY['aa+'], 1000) AS outcomes`;
    expect(await server.query(text, url)).toEqual([{ outcomes: ['expired'] }]);
  });
});
