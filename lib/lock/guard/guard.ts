import { quoted } from '../../common/quoted.js';
import { type Holder, type Loss, NO_TRANSACTION, NOT_HELD } from '../../drivers/driver.js';
import { CoordinationSchemaError, InvalidOptionsError } from '../../errors.js';
import { sqlStateOf } from './sql-state.js';
import { type GuardedTransaction, runIn } from './transaction.js';

/** The check of one lease inside a transaction. */
export interface Guard {
  /** The SQL of the driver. */
  readonly statement: string;
  /** Whether a holder is the lease. */
  isOurs(holder: Holder): boolean;
  /** Asks the back end outside of the transaction. @throws BackendUnavailableError */
  holders(): Promise<readonly Holder[]>;
}

/** The lease does not protect the transaction. */
export interface GuardLoss extends Loss {
  readonly cause: unknown;
}

/** The row of the lock has changed since the transaction's snapshot, or the transaction merely conflicts with another one. */
const SERIALIZATION_FAILURE = '40001';

/** The schema, the table, the function, or a right on them. */
const NOT_THERE: readonly (string | undefined)[] = ['3F000', '42P01', '42883', '42501'];

/**
 * Runs the check in the transaction.
 * @returns how the lease was lost; undefined when it protects the transaction
 * @throws InvalidOptionsError, CoordinationSchemaError, and what the transaction throws
 */
export async function runGuard(
  name: string,
  guard: Guard,
  transaction: GuardedTransaction,
): Promise<GuardLoss | undefined> {
  try {
    await runIn(transaction, guard.statement);
    return undefined;
  } catch (error) {
    const state = sqlStateOf(error);
    if (state === NOT_HELD) return lossOf(guard, error);
    if (state === SERIALIZATION_FAILURE) {
      const loss = await lossOf(guard, error);
      // A conflict with another transaction: the application has to try it again.
      if (loss.reason === 'stale-snapshot') throw error;
      return loss;
    }
    if (state === NO_TRANSACTION)
      throw new InvalidOptionsError(
        `Lock ${quoted(name)}: assertIn was given a value that has no open transaction, and so protects nothing; give it the transaction, not the pool or the data source`,
        { cause: error },
      );
    if (NOT_THERE.includes(state))
      throw new CoordinationSchemaError(
        `Lock ${quoted(name)}: assertIn cannot call the guard (${state}): the transaction has to be in the database of the locks, and its role needs USAGE on their schema, see docs/postgres.md, "Rights"`,
        { cause: error },
      );
    throw error;
  }
}

/** What has become of the lease, as the back end says. */
async function lossOf(guard: Guard, cause: unknown): Promise<GuardLoss> {
  const holders = await guard.holders().catch(() => undefined);
  if (holders?.some((holder) => guard.isOurs(holder)))
    return {
      reason: 'stale-snapshot',
      message:
        'the transaction began before the lease, and may have read data that was changed since; begin it under the lock',
      cause,
    };
  if (holders?.length === 0)
    return { reason: 'broken', message: 'the database does not have it any more', cause };
  return { reason: 'taken-over', message: 'another member has had the lock since', cause };
}
