import { LOCK_TIMEOUT } from './tables-sql.js';

/** How many rows one call looks at: so few that it is done in time from a slow disk too. */
const LOOKED_AT_ONCE = 200;

/**
 * Deletes rows that are not used any more. No index has the times at which they end, so each call looks at the next rows by their primary
 * key, from `p_after` on, or from the first one if that is null. It returns the last key that it has looked at, or null at the end. Without
 * `enable_seqscan` no plan reads a whole table, whatever the statistics say.
 *
 * `purge_locks_1` deletes locks that were not used for a day, with what there is of their shares and waiters; but no lock that is guarded
 * or has waiters. `purge_records_1` deletes records that have expired. Neither waits for a row that another session has locked.
 */
export function purgeSql(s: string): string {
  return `
CREATE OR REPLACE FUNCTION ${s}.purge_locks_1(p_after text[]) RETURNS text[]
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' SET enable_seqscan = off AS $$
DECLARE
  names text[];
  a_day_ago timestamptz := clock_timestamp() - interval '1 day';
BEGIN
  names := ARRAY(SELECT l.name FROM ${s}.lease l WHERE l.name > coalesce(p_after[1], '') ORDER BY l.name LIMIT ${LOOKED_AT_ONCE});
  DELETE FROM ${s}.waiter WHERE (name, seq) IN (
    SELECT w.name, w.seq FROM ${s}.waiter w
      WHERE w.name = ANY (names) AND w.alive_until < clock_timestamp() - interval '1 hour' FOR UPDATE SKIP LOCKED);
  DELETE FROM ${s}.share WHERE (name, id) IN (
    SELECT x.name, x.id FROM ${s}.share x WHERE x.name = ANY (names) AND x.expires_at < a_day_ago FOR UPDATE SKIP LOCKED);
  DELETE FROM ${s}.lease WHERE name IN (
    SELECT l.name FROM ${s}.lease l WHERE l.name = ANY (names) AND l.expires_at < a_day_ago
      AND NOT EXISTS (SELECT FROM ${s}.waiter w WHERE w.name = l.name)
      AND NOT EXISTS (SELECT FROM ${s}.share x WHERE x.name = l.name) FOR UPDATE OF l SKIP LOCKED);
  RETURN CASE WHEN cardinality(names) = ${LOOKED_AT_ONCE} THEN ARRAY[names[${LOOKED_AT_ONCE}]] END;
END $$;

CREATE OR REPLACE FUNCTION ${s}.purge_records_1(p_after text[]) RETURNS text[]
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' SET enable_seqscan = off AS $$
DECLARE
  spaces text[];
  keys text[];
BEGIN
  SELECT array_agg(n.space), array_agg(n.key) INTO spaces, keys FROM (
    SELECT x.space, x.key FROM ${s}.record x WHERE (x.space, x.key) > (coalesce(p_after[1], ''), coalesce(p_after[2], ''))
      ORDER BY x.space, x.key LIMIT ${LOOKED_AT_ONCE}) AS n;
  DELETE FROM ${s}.record WHERE (space, key) IN (
    SELECT x.space, x.key FROM ${s}.record x JOIN unnest(spaces, keys) AS n(space, key) ON x.space = n.space AND x.key = n.key
      WHERE x.expires_at < clock_timestamp() FOR UPDATE OF x SKIP LOCKED);
  -- There are few of these: one for each process and each space that it watches.
  IF p_after IS NULL THEN DELETE FROM ${s}.watcher w WHERE w.alive_until < clock_timestamp(); END IF;
  RETURN CASE WHEN cardinality(keys) = ${LOOKED_AT_ONCE} THEN ARRAY[spaces[${LOOKED_AT_ONCE}], keys[${LOOKED_AT_ONCE}]] END;
END $$;`;
}
