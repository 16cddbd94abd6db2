import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CoordinatorService } from '../../../lib/coordinator.service.js';
import { BackendUnavailableError } from '../../../lib/errors.js';
import { LOCK_MANAGER } from '../../../lib/lock/index.js';
import { Claim, Job, RunRecords, tickOccasion } from '../../../lib/runs/index.js';
import { postgresBin } from '../../support/postgres-programs.js';
import { PostgresServer, stopAllPostgres } from '../../support/postgres-server.js';
import { RecordedLog } from '../../support/recorded-log.js';

const SETTINGS = {
  name: 'nightly',
  onCrash: 'rerun',
  overlap: 'skip',
  history: 10,
  maxSkew: 60_000,
} as const;

describe.skipIf(postgresBin() === undefined)('jobs on PostgreSQL, when all sessions are ended', () => {
  let server: PostgresServer;
  let service: CoordinatorService;
  let log: RecordedLog;

  beforeAll(async () => {
    server = await PostgresServer.start();
  });

  beforeEach(async () => {
    log = RecordedLog.install();
    service = new CoordinatorService({ backendUrl: await server.newDatabase() });
    await service.start();
  });

  afterEach(() => service.stop());
  afterAll(() => stopAllPostgres());

  async function endSessions(): Promise<void> {
    await server.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%' AND pid <> pg_backend_pid()",
    );
  }

  function job() {
    const records = new RunRecords(service[LOCK_MANAGER]!.records, '');
    const claims = new Job(SETTINGS, service);
    const tick = Date.now();
    return {
      claim: () => claims.claim(tickOccasion('hourly', tick, (time) => time + 3_600_000)),
      latest: async () => (await records.get('nightly'))?.record,
    };
  }

  it('that end just then are stored as they ended', async () => {
    const { claim, latest } = job();
    const first = await claim();
    if (!(first instanceof Claim)) throw new Error('it was not claimed');
    await endSessions();
    await first.end('succeeded');
    expect(await latest()).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(await claim()).toEqual({ skipped: 'done' });
    expect(log.of('warn').filter((line) => line.startsWith('Job'))).toEqual([]);
  });

  it('that begin just then run, though the reply to the write of their start was lost', async () => {
    const { claim, latest } = job();
    const { records } = service[LOCK_MANAGER]!;
    const put = records.put.bind(records);
    let lost = 0;
    records.put = async (record, ttl) => {
      const stored = await put(record, ttl);
      if (record.space !== 'runs' || lost > 0) return stored;
      lost += 1;
      await endSessions();
      throw new BackendUnavailableError('the reply was lost');
    };
    const first = await claim();
    if (!(first instanceof Claim)) throw new Error('it was not claimed');
    expect(await latest()).toMatchObject({ state: 'started', attempt: 1 });
    await first.end('succeeded');
    expect(lost).toBe(1);
  });

  it('leave what is done once done', async () => {
    expect(await service.once('seed', endSessions)).toBe(true);
    expect(await service.once('seed', () => undefined)).toBe(false);
  });
});
