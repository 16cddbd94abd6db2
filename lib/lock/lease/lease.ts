import type { GuardedTransaction } from '../guard/index.js';

/**
 * One successful acquisition of a lock.
 *
 * @example
 * await using lease = await coordinator.getLock(`share-${id}`).hold();
 * await storage.write(data, { signal: lease.signal });
 *
 * @publicApi
 */
export interface Lease extends AsyncDisposable {
  /** The lock's name, without the coordinator's prefix; of several locks, all of them with ` + ` between. */
  readonly name: string;
  /**
   * Aborts with `LeaseLostError` no later than the deadline; never aborts by a release. Reading `aborted` or calling
   * `throwIfAborted()` compares the clock, so both are right even after the event loop was blocked.
   */
  readonly signal: AbortSignal;
  /** When the lease ends without renewal, Unix time in ms; Infinity where it ends with the process. */
  readonly deadline: number;
  /**
   * A number larger than the token of every lease of this lock before, on every replica, where the lock is `fencing`. Storage
   * that refuses tokens below the largest one it has seen takes no write from a holder that comes too late.
   */
  readonly fencingToken: number | undefined;
  /**
   * Shares the lock from now on, if it was held alone. The waiters that want to share it get it, and no other holder has it alone in
   * between. The lease keeps its fencing token, and cannot be alone again.
   * @throws LeaseLostError when the lease was lost or released; InvalidOptionsError where the back end's locks cannot be shared;
   * BackendUnavailableError when the back end did not confirm it: the next renewal lets the others in then, at the latest. On files, which
   * know no renewal, the lease may still be alone then, and can be asked to share the lock again
   * @example
   * await using lease = await lock.hold();
   * await rebuild(index);
   * await lease.downgrade();
   * await readBack(index);
   */
  downgrade(): Promise<void>;
  /**
   * The token number of one of the locks, where the lease is on several; `fencingToken` is undefined there.
   * @throws InvalidOptionsError for the name of another lock
   */
  fencingTokenOf(name: string): number | undefined;
  /** Ms until the deadline, 0 when the lease has ended. */
  remaining(): number;
  /**
   * Call it right before an effect that must not come late.
   * @throws LeaseLostError when the lease was lost or released.
   */
  assertHeld(): void;
  /**
   * Checks the lease inside a transaction of the application, on PostgreSQL, by one statement. Until that transaction ends no other
   * holder gets the lock, also when this process is stopped meanwhile. So the holder has written what the transaction commits.
   *
   * Begin the transaction under the lock. Give it as the tool has it: a client of `pg`, an `EntityManager` or `QueryRunner` of TypeORM, the
   * transaction of Drizzle, Prisma, Kysely, Knex, MikroORM, Sequelize or postgres.js, or a function that runs a statement in it.
   *
   * @throws LeaseLostError when the lease was lost or released; the transaction has to be rolled back, so let it through
   * @throws InvalidOptionsError where there is no open transaction, or locks are not on PostgreSQL
   * @throws CoordinationSchemaError when the database of the transaction is not that of the locks
   * @throws what the transaction throws
   *
   * @example
   * await dataSource.transaction(async (tx) => {
   *   await lease.assertIn(tx);
   *   await tx.update(Share, share.id, { size });
   * });
   */
  assertIn(transaction: GuardedTransaction): Promise<void>;
  /**
   * Gives the lock back.
   * @returns false when the lease was already released or lost.
   * @throws BackendUnavailableError when the back end did not confirm it; the lock is then free after its ttl.
   */
  release(): Promise<boolean>;
}
