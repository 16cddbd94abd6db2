import { randomUUID } from 'node:crypto';
import { InvalidOptionsError } from '../../../errors.js';
import type { Link } from './link.js';

/** The check's record expires after this many ms if it is not removed. */
const TTL = 10_000;

/**
 * Writes a record over one link and looks for it over the other. If the links led to two databases, leases would be taken in one and
 * renewed in the other.
 *
 * @throws InvalidOptionsError when the record is not there; BackendUnavailableError
 */
export async function checkSameDatabase(work: Link, upkeep: Link, schema: string): Promise<void> {
  const [space, key] = ['same-database', randomUUID()];
  const what = 'look whether both URLs lead to one database';
  await work.query(what, `SELECT ${schema}.put_record_1($1, $2, 1, $3, $4)`, [space, key, '', TTL]);
  const { rows } = await upkeep.query(what, `SELECT 1 FROM ${schema}.record WHERE space = $1 AND key = $2`, [
    space,
    key,
  ]);
  await work.query(what, `SELECT ${schema}.remove_record_1($1, $2, 1)`, [space, key]);
  if (rows.length === 0)
    throw new InvalidOptionsError(
      'postgres.listen (COORDINATION_POSTGRES_LISTEN) leads to another database than backendUrl: give the URL of the server behind the pooler, with the same database',
    );
}
