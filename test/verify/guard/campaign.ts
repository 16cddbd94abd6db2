import { resolve } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import type { PostgresServer } from '../../support/postgres-server.js';
import { forkFixture } from '../../support/processes.js';
import type { WriterReport, WriterTerms } from './terms.js';

export interface GuardTerms extends Pick<WriterTerms, 'tool' | 'isolation' | 'guarded' | 'prisma'> {
  readonly seconds: number;
}

export interface GuardReport extends WriterReport {
  /** Commits that another one has overwritten. */
  readonly lost: number;
  readonly stops: number;
}

const WRITERS = 4;
const COUNTERS = 6;
const LOOPS = 4;
const TTL = 300;
/** How long one is stopped, and how often that happens, ms: longer than a lease lasts. */
const [STOPPED, EVERY] = [450, 150];

/** Writers that are stopped at random, in the middle of their transactions too. */
export async function runGuard(server: PostgresServer, terms: GuardTerms): Promise<GuardReport> {
  const { seconds, ...rest } = terms;
  const url = await server.newDatabase();
  await server.query('CREATE TABLE counter (id integer PRIMARY KEY, value bigint)', url);
  await server.query(`INSERT INTO counter SELECT id, 0 FROM generate_series(0, ${COUNTERS - 1}) AS id`, url);
  const settings: WriterTerms = { url, ttl: TTL, think: 5, counters: COUNTERS, loops: LOOPS, ...rest };
  const writers = await Promise.all(
    Array.from({ length: WRITERS }, () =>
      forkFixture(resolve('test/verify/guard/writer.fixture.ts'), { args: [JSON.stringify(settings)] }),
    ),
  );
  await Promise.all(writers.map((writer) => writer.receive((message) => message === 'ready')));
  const end = performance.now() + 1000 * seconds;
  let stops = 0;
  while (performance.now() < end) {
    const writer = writers[Math.floor(Math.random() * WRITERS)]!;
    process.kill(writer.pid, 'SIGSTOP');
    stops += 1;
    void after(STOPPED).then(() => process.kill(writer.pid, 'SIGCONT'));
    await after(EVERY);
  }
  await after(STOPPED);
  const reports = await Promise.all(
    writers.map((writer) => {
      writer.send('end');
      return writer.receive((message): message is WriterReport => typeof message === 'object');
    }),
  );
  await Promise.all(writers.map((writer) => writer.kill()));
  const [row] = await server.query('SELECT sum(value)::integer AS value FROM counter', url);
  const commits = reports.reduce((sum, report) => sum + report.commits, 0);
  const errors: Record<string, number> = {};
  for (const report of reports)
    for (const [name, count] of Object.entries(report.errors)) errors[name] = (errors[name] ?? 0) + count;
  const refused = reports.reduce((sum, report) => sum + report.refused, 0);
  return { commits, refused, errors, stops, lost: commits - Number(row?.['value']) };
}
