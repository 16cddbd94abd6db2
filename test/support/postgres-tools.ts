import { MikroORM, EntitySchema } from '@mikro-orm/postgresql';
import { drizzle } from 'drizzle-orm/node-postgres';
import knex from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import { Pool } from 'pg';
import postgres from 'postgres';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';
import type { GuardedTransaction } from '../../lib/index.js';

/** How one tool opens a transaction, and what is its root. */
export interface PostgresTool {
  /** Runs the body in a transaction; rejects with what the body throws, after it was rolled back. */
  transaction(body: (tx: GuardedTransaction) => Promise<void>): Promise<void>;
  /** What has no transaction open; undefined where everything of it is one. */
  readonly root: GuardedTransaction | undefined;
  close(): Promise<void>;
}

const Row = new EntitySchema<{ id: number }>({
  name: 'Row',
  properties: { id: { type: 'number', primary: true } },
});

export const POSTGRES_TOOLS: Readonly<Record<string, (url: string) => Promise<PostgresTool>>> = {
  pg: async (url) => {
    const pool = new Pool({ connectionString: url, max: 2 });
    return {
      root: pool,
      close: () => pool.end(),
      transaction: async (body) => {
        const client = await pool.connect();
        try {
          await client.query('BEGIN');
          await body(client);
          await client.query('COMMIT');
        } catch (error) {
          await client.query('ROLLBACK');
          throw error;
        } finally {
          client.release();
        }
      },
    };
  },

  'TypeORM, an EntityManager': async (url) => {
    const source = await new DataSource({ type: 'postgres', url }).initialize();
    return {
      root: source,
      close: () => source.destroy(),
      transaction: (body) => source.transaction((tx) => body(tx)),
    };
  },

  'TypeORM, a QueryRunner': async (url) => {
    const source = await new DataSource({ type: 'postgres', url }).initialize();
    return {
      root: source.manager,
      close: () => source.destroy(),
      transaction: async (body) => {
        const runner = source.createQueryRunner();
        await runner.startTransaction();
        try {
          await body(runner);
          await runner.commitTransaction();
        } catch (error) {
          await runner.rollbackTransaction();
          throw error;
        } finally {
          await runner.release();
        }
      },
    };
  },

  Drizzle: async (url) => {
    const pool = new Pool({ connectionString: url, max: 2 });
    const db = drizzle(pool);
    return { root: db, close: () => pool.end(), transaction: (body) => db.transaction((tx) => body(tx)) };
  },

  Kysely: async (url) => {
    const db = new Kysely<object>({
      dialect: new PostgresDialect({ pool: new Pool({ connectionString: url, max: 2 }) }),
    });
    return {
      root: db,
      close: () => db.destroy(),
      transaction: (body) => db.transaction().execute((tx) => body(tx)),
    };
  },

  Knex: async (url) => {
    const db = knex({ client: 'pg', connection: url, pool: { min: 0, max: 2 } });
    return { root: db, close: () => db.destroy(), transaction: (body) => db.transaction((tx) => body(tx)) };
  },

  MikroORM: async (url) => {
    const orm = await MikroORM.init({
      clientUrl: url,
      entities: [Row],
      ensureDatabase: false,
      connect: true,
    });
    return {
      root: orm.em.fork(),
      close: () => orm.close(),
      transaction: (body) => orm.em.fork().transactional((em) => body(em)),
    };
  },

  'Sequelize, its transaction': async (url) => {
    const sequelize = new Sequelize(url, { logging: false });
    return {
      root: undefined,
      close: () => sequelize.close(),
      transaction: (body) => sequelize.transaction((tx) => body(tx)),
    };
  },

  'Sequelize, a function': async (url) => {
    const sequelize = new Sequelize(url, { logging: false });
    return {
      root: (sql: string) => sequelize.query(sql),
      close: () => sequelize.close(),
      transaction: (body) =>
        sequelize.transaction((transaction) => body((sql: string) => sequelize.query(sql, { transaction }))),
    };
  },

  'postgres.js': async (url) => {
    const sql = postgres(url, { max: 2, onnotice: () => undefined });
    return {
      root: sql,
      close: () => sql.end(),
      transaction: async (body) => {
        await sql.begin((tx) => body(tx));
      },
    };
  },
};
