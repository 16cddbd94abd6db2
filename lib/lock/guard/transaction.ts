import { randomUUID } from 'node:crypto';
import { InvalidOptionsError } from '../../errors.js';

/**
 * An open transaction, as the tool of the application gives it; or a function that runs one statement without values in it.
 * @publicApi
 */
export type GuardedTransaction = object | ((sql: string) => Promise<unknown>);

type Run = (sql: string) => unknown;

/**
 * How each tool runs a statement that is a text. Each entry looks for the method that tells its tool apart; the first that fits counts.
 */
const TOOLS: readonly ((transaction: object) => Run | undefined)[] = [
  // Prisma
  (tx) => method(tx, '$queryRawUnsafe'),
  // Kysely
  (tx) => {
    const run = method(tx, 'executeQuery');
    return run && ((sql) => run(compiledForKysely(sql)));
  },
  // postgres.js
  (tx) => method(tx, 'unsafe'),
  // Knex
  (tx) => method(tx, 'raw'),
  // Drizzle, MikroORM
  (tx) => method(tx, 'execute'),
  // pg, TypeORM
  (tx) => method(tx, 'query'),
  // Sequelize: its transaction runs nothing by itself.
  (tx) => {
    const run = 'sequelize' in tx && isObject(tx.sequelize) ? method(tx.sequelize, 'query') : undefined;
    return run && ((sql) => run(sql, { transaction: tx }));
  },
  (tx) => (typeof tx === 'function' ? (tx as Run) : undefined),
];

/**
 * Runs one statement in the transaction; its result is of no interest.
 * @throws InvalidOptionsError for a value that is no transaction; what the tool throws
 */
export async function runIn(transaction: GuardedTransaction, sql: string): Promise<void> {
  const run = isObject(transaction)
    ? TOOLS.reduce<Run | undefined>((found, tool) => found ?? tool(transaction), undefined)
    : undefined;
  if (!run)
    throw new InvalidOptionsError(
      `assertIn: cannot run a statement on ${transaction === null ? 'null' : `a value of type ${typeof transaction}`}; give the open transaction as pg, TypeORM, Drizzle, Prisma, Kysely, Knex, MikroORM, Sequelize or postgres.js has it, or a function (sql) => Promise`,
    );
  await run(sql);
}

function method(target: object, name: string): ((...args: unknown[]) => unknown) | undefined {
  const found: unknown = (target as Readonly<Record<string, unknown>>)[name];
  if (typeof found !== 'function') return undefined;
  return (...args) => Reflect.apply(found, target, args) as unknown;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** The query as Kysely's own `CompiledQuery.raw` makes it, without loading that package. */
function compiledForKysely(sql: string): object {
  const query = { kind: 'RawNode', sqlFragments: [sql], parameters: [] };
  return { sql, query, parameters: [], queryId: { queryId: randomUUID() } };
}
