import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  assertLockedIn,
  CoordinationSchemaError,
  CoordinatorService,
  type GuardedTransaction,
  InvalidOptionsError,
  LeaseLostError,
  NotLockedError,
} from '../../../lib/index.js';
import { freshName } from '../../support/driver-suite.js';
import { eventually } from '../../support/eventually.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { POSTGRES_TOOLS, type PostgresTool } from '../../support/postgres-tools.js';

describe.skipIf(postgresBin() === undefined)('a lease that is checked inside a transaction', () => {
  let server: PostgresServer;
  let url: string;
  let ours: CoordinatorService;
  let others: CoordinatorService;
  let lock: string;

  beforeAll(async () => {
    server = await PostgresServer.start();
    url = await server.newDatabase();
    [ours, others] = ['ours', 'others'].map(
      (agentId) => new CoordinatorService({ backendUrl: url, agentId, stopTimeout: 0 }),
    ) as [CoordinatorService, CoordinatorService];
    await ours.start();
    await others.start();
    await server.query('CREATE TABLE share (id integer PRIMARY KEY, size integer)', url);
    await server.query('INSERT INTO share VALUES (1, 0)', url);
  });

  afterAll(async () => {
    await Promise.all([ours.stop(), others.stop()]);
    await stopAllPostgres();
  });

  beforeEach(() => {
    lock = freshName();
  });

  const tryOthers = (): Promise<boolean> => others.getLock(lock).acquire(false);

  describe.each(Object.entries(POSTGRES_TOOLS))('by %s', (_name, open) => {
    let tool: PostgresTool;

    beforeAll(async () => {
      tool = await open(url);
    });

    afterAll(() => tool.close());

    it('keeps the lock from everybody else until the transaction ends', async () => {
      const lease = await ours.getLock(lock).hold();
      await tool.transaction(async (tx) => {
        await lease.assertIn(tx);
        // Lock inside the transaction, the classical mistake: the lease ends before what it protects is there for others.
        expect(await lease.release()).toBe(true);
        expect(await tryOthers()).toBe(false);
      });
      expect(await tryOthers()).toBe(true);
    });

    it('fails when another one has had the lock since, and the transaction is rolled back', async () => {
      const lease = await ours.getLock(lock).hold();
      await others.getLock(lock).break();
      const theirs = await others.getLock(lock).hold();
      const error = await tool
        .transaction((tx) => lease.assertIn(tx))
        .then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
      expect(error).toBeInstanceOf(LeaseLostError);
      expect(error).toMatchObject({ reason: 'taken-over' });
      expect(lease.signal.aborted).toBe(true);
      await theirs.release();
    });

    it('refuses what has no transaction open', async () => {
      if (!tool.root) return;
      await using lease = await ours.getLock(lock).hold();
      const { root } = tool;
      await expect(lease.assertIn(root)).rejects.toThrow(InvalidOptionsError);
      await expect(lease.assertIn(root)).rejects.toThrow(/has no open transaction, and so protects nothing/);
      expect(lease.signal.aborted).toBe(false);
    });
  });

  const inTransaction = async (
    isolation: string,
    body: (tx: { query(sql: string): Promise<unknown> }) => Promise<void>,
  ): Promise<void> => {
    const client = await server.client(url);
    try {
      await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
      await body(client);
      await client.query('COMMIT');
    } finally {
      await client.end();
    }
  };

  it.each(['REPEATABLE READ', 'SERIALIZABLE'])(
    'fails when the lock was taken over after the snapshot, in %s',
    async (isolation) => {
      const lease = await ours.getLock(lock).hold();
      await inTransaction(isolation, async (tx) => {
        await tx.query('SELECT size FROM share');
        await others.getLock(lock).break();
        const theirs = await others.getLock(lock).hold();
        await expect(lease.assertIn(tx)).rejects.toMatchObject({
          name: 'LeaseLostError',
          reason: 'taken-over',
        });
        await theirs.release();
      });
    },
  );

  it.each(['REPEATABLE READ', 'SERIALIZABLE'])(
    'tells of a snapshot from before the lease, in %s',
    async (isolation) => {
      await inTransaction(isolation, async (tx) => {
        await tx.query('SELECT size FROM share');
        await using lease = await ours.getLock(lock).hold();
        await expect(lease.assertIn(tx)).rejects.toMatchObject({
          name: 'LeaseLostError',
          reason: 'stale-snapshot',
          message: expect.stringMatching(/began before the lease.*begin it under the lock$/),
        });
        // It is held all the same.
        expect(lease.signal.aborted).toBe(false);
        lease.assertHeld();
      });
    },
  );

  it('goes on through renewals, in every isolation level', async () => {
    for (const isolation of ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE']) {
      const quick = new CoordinatorService({ backendUrl: url, ttl: 5000, heartbeat: 100, stopTimeout: 0 });
      await quick.start();
      const lease = await quick.getLock(lock).hold();
      await inTransaction(isolation, async (tx) => {
        await tx.query('SELECT size FROM share');
        await lease.assertIn(tx);
        const { deadline } = lease;
        await eventually(async () => {
          await tx.query('SELECT 1');
          return lease.deadline > deadline + 300;
        });
        await lease.assertIn(tx);
      });
      expect(await lease.release()).toBe(true);
      await quick.stop();
    }
  });

  it('is not handed on within the process while its transaction may be open', async () => {
    const lease = await ours.getLock(lock).hold();
    const next = ours.getLock(lock).hold();
    let granted = false;
    void next.then(() => (granted = true));
    await inTransaction('READ COMMITTED', async (tx) => {
      await lease.assertIn(tx);
      await lease.release();
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(granted).toBe(false);
    });
    await (await next).release();
  });

  it('is refused once the lease was released, before anything is sent', async () => {
    const lease = await ours.getLock(lock).hold();
    await lease.release();
    const tx: GuardedTransaction = () => Promise.reject(new Error('it was sent'));
    await expect(lease.assertIn(tx)).rejects.toMatchObject({ name: 'LeaseLostError', reason: 'released' });
  });

  it('lets the errors of the transaction through', async () => {
    await using lease = await ours.getLock(lock).hold();
    const error = new Error('Connection terminated');
    await expect(lease.assertIn(() => Promise.reject(error))).rejects.toBe(error);
  });

  it.each([
    ['a text', 'BEGIN'],
    ['null', null],
    ['an object without a method', {}],
  ])('refuses %s', async (_what, value) => {
    await using lease = await ours.getLock(lock).hold();
    await expect(lease.assertIn(value as object)).rejects.toThrow(/^assertIn: cannot run a statement on /);
  });

  it('says that the transaction is in another database', async () => {
    const elsewhere = await server.newDatabase();
    const client = await server.client(elsewhere);
    await using lease = await ours.getLock(lock).hold();
    await client.query('BEGIN');
    await expect(lease.assertIn(client)).rejects.toThrow(CoordinationSchemaError);
    await client.end();
  });

  it('ends the transaction of a process that is stopped, so that the lock does not stay with it', async () => {
    const quick = new CoordinatorService({ backendUrl: url, ttl: 1500, stopTimeout: 0 });
    await quick.start();
    const lease = await quick.getLock(lock).hold();
    const client = await server.client(url);
    await client.query('BEGIN');
    await lease.assertIn(client);
    // Nothing comes any more: the coordinator goes without a release, and the transaction is idle.
    await quick.stop();
    const began = performance.now();
    const theirs = await others.getLock(lock).hold();
    expect(performance.now() - began).toBeLessThan(20_000);
    await expect(client.query('COMMIT')).rejects.toThrow();
    await theirs.release();
  });

  it('of a shared lock keeps out who wants to be alone, and no other reader', async () => {
    const share = await ours.getLock(lock, { shared: true }).hold();
    await inTransaction('READ COMMITTED', async (tx) => {
      await share.assertIn(tx);
      await share.release();
      expect(await tryOthers()).toBe(false);
      const reader = others.getLock(lock, { shared: true });
      // The first share after the last is a takeover as any other.
      expect(await reader.acquire(false)).toBe(false);
    });
    await (await others.getLock(lock, { shared: true }).hold()).release();
  });

  it('of a share fails when it has ended, though others share the lock still or again', async () => {
    const share = await ours.getLock(lock, { shared: true }).hold();
    const theirs = await others.getLock(lock, { shared: true }).hold();
    await server.query(
      `DELETE FROM nest_coordination.share WHERE id LIKE '%+' AND member = '${ours.memberId}'`,
      url,
    );
    await expect(inTransaction('READ COMMITTED', (tx) => share.assertIn(tx))).rejects.toThrow(LeaseLostError);
    await inTransaction('READ COMMITTED', (tx) => theirs.assertIn(tx));
    await theirs.release();
    await share.release();
  });

  it('lets nobody share the lock before the transaction of the lease alone has ended', async () => {
    const lease = await ours.getLock(lock).hold();
    let sharing: Promise<void> | undefined;
    const reader = others.getLock(lock, { shared: true });
    await inTransaction('READ COMMITTED', async (tx) => {
      await lease.assertIn(tx);
      sharing = lease.downgrade();
      expect(await reader.acquire(200)).toBe(false);
    });
    await sharing;
    expect(await reader.acquire(false)).toBe(true);
    await reader.release();
    await lease.release();
  });

  it('is the current lease of the running code: assertLockedIn', async () => {
    await expect(assertLockedIn(() => Promise.resolve())).rejects.toThrow(NotLockedError);
    await ours.using(lock, () =>
      inTransaction('READ COMMITTED', async (tx) => {
        await assertLockedIn(tx);
        expect(await tryOthers()).toBe(false);
      }),
    );
  });

  it('says of a current lease that was lost that it was, and not that a lock was forgotten', async () => {
    const work = ours.using(lock, async (lease) => {
      await others.getLock(lock).break();
      await eventually(() => lease.signal.aborted);
      await inTransaction('READ COMMITTED', (tx) => assertLockedIn(tx));
    });
    await expect(work).rejects.toThrow(LeaseLostError);
  });

  it('is refused on a back end that has no transactions', async () => {
    const memory = new CoordinatorService({ backendUrl: 'memory:', stopTimeout: 0 });
    await memory.start();
    await using lease = await memory.getLock(lock).hold();
    await expect(lease.assertIn(() => Promise.resolve())).rejects.toThrow(
      /^assertIn: memory is no database .* needs a postgres: URL/,
    );
    await memory.stop();
  });
});
