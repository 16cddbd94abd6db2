import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { drizzle } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { CoordinatorService, type GuardedTransaction } from '../../../lib/index.js';
import type { WriterReport, WriterTerms } from './terms.js';

/* One replica that adds to counters in transactions: it reads, thinks, writes. It is stopped in the middle of that without being told. */

const terms = JSON.parse(process.argv[2] ?? '') as WriterTerms;
Logger.overrideLogger(['fatal']);

interface Session {
  readonly tx: GuardedTransaction;
  readonly query: (sql: string) => Promise<readonly Record<string, unknown>[]>;
}

interface PrismaTransaction {
  $queryRawUnsafe: (sql: string) => Promise<readonly Record<string, unknown>[]>;
}

/** The part of a generated client that is used here. */
interface PrismaModule {
  PrismaClient: new (options: object) => {
    $transaction: (body: (tx: PrismaTransaction) => Promise<void>, options: object) => Promise<void>;
  };
}

const ISOLATION_OF_PRISMA: Record<WriterTerms['isolation'], string> = {
  'READ COMMITTED': 'ReadCommitted',
  'REPEATABLE READ': 'RepeatableRead',
  SERIALIZABLE: 'Serializable',
};

/** How a tool runs a transaction of an isolation level. */
type Transact = (
  isolation: WriterTerms['isolation'],
  body: (session: Session) => Promise<void>,
) => Promise<void>;

const pool = new Pool({ connectionString: terms.url, max: terms.loops });
// The server ends the transactions of those that were stopped.
pool.on('error', () => undefined);
pool.on('connect', (client) => client.on('error', () => undefined));

const TOOLS: Record<WriterTerms['tool'], () => Promise<Transact>> = {
  pg: async () => async (isolation, body) => {
    const client = await pool.connect();
    let failure: unknown;
    try {
      await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
      await body({
        tx: client,
        query: async (sql) => (await client.query(sql)).rows as Record<string, unknown>[],
      });
      await client.query('COMMIT');
    } catch (error) {
      failure = error;
      await client.query('ROLLBACK').catch(() => undefined);
    } finally {
      client.release(failure !== undefined);
    }
    if (failure !== undefined) throw failure as Error;
  },

  typeorm: async () => {
    const extra = { max: terms.loops };
    const source = await new DataSource({
      type: 'postgres',
      url: terms.url,
      extra,
      poolErrorHandler: () => undefined,
    }).initialize();
    return (isolation, body) =>
      source.transaction(isolation, (tx) =>
        body({ tx, query: async (sql) => (await tx.query<unknown>(sql)) as Record<string, unknown>[] }),
      );
  },

  drizzle: async () => {
    const db = drizzle(pool);
    return (isolation, body) =>
      db.transaction((tx) => body({ tx, query: async (sql) => (await tx.execute(sql)).rows }), {
        isolationLevel: isolation.toLowerCase() as 'read committed',
      });
  },

  prisma: async () => {
    const load = createRequire(join(terms.prisma ?? '', 'package.json'));
    const { PrismaClient } = load('@prisma/client') as PrismaModule;
    const { PrismaPg } = load('@prisma/adapter-pg') as { PrismaPg: new (config: object) => object };
    const adapter = new PrismaPg({ connectionString: terms.url, max: terms.loops });
    const client = new PrismaClient({ adapter });
    return (isolation, body) =>
      client.$transaction((tx) => body({ tx, query: (sql) => tx.$queryRawUnsafe(sql) }), {
        isolationLevel: ISOLATION_OF_PRISMA[isolation],
        maxWait: 2000,
        timeout: 60_000,
      });
  },
};

const coordinator = new CoordinatorService({
  backendUrl: terms.url,
  ttl: terms.ttl,
  stopTimeout: 1000,
  startTimeout: 20_000,
});
const report: { -readonly [Key in keyof WriterReport]: WriterReport[Key] } = {
  commits: 0,
  refused: 0,
  errors: {},
};
const state = { over: false };

async function loop(transact: Transact, mine: number): Promise<void> {
  for (let round = 0; !state.over; round += 1) {
    const counter = (mine + round) % terms.counters;
    try {
      await coordinator.using(`counter-${counter}`, { blocking: 2000 }, (lease) =>
        transact(terms.isolation, async ({ tx, query }) => {
          const first = round % 2 === 0;
          if (terms.guarded && first) await lease.assertIn(tx);
          const [row] = await query(`SELECT value FROM counter WHERE id = ${counter}`);
          await new Promise((resolve) => setTimeout(resolve, terms.think));
          if (terms.guarded && !first) await lease.assertIn(tx);
          await query(`UPDATE counter SET value = ${Number(row?.['value']) + 1} WHERE id = ${counter}`);
        }).then(() => {
          // Whether the lease was lost by then is of no interest: it was committed.
          report.commits += 1;
        }),
      );
    } catch (error) {
      report.refused += 1;
      const name = error instanceof Error ? error.name : String(error);
      report.errors[name] = (report.errors[name] ?? 0) + 1;
    }
  }
}

await coordinator.start();
const transact = await TOOLS[terms.tool]();
const loops = Array.from({ length: terms.loops }, (_, mine) => loop(transact, mine));
process.on('message', () => {
  state.over = true;
  void Promise.all(loops).then(() => {
    process.send?.(report);
    process.disconnect();
    setTimeout(() => process.exit(0), 200);
  });
});
process.send?.('ready');
