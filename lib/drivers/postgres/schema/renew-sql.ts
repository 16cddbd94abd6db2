import { COMMIT_SURELY, LOCK_TIMEOUT } from './tables-sql.js';

/**
 * Moves the ends of many leases at once. Returns for each, in the same order: `renewed`, `expired`, `taken-over`, `broken`, or `busy` when
 * a session outside this package has locked the row. It skips such a row at first, and waits for it when all others are done, so that the
 * row fails one lease and not all.
 */
export function renewSql(s: string): string {
  return `
CREATE OR REPLACE FUNCTION ${s}.renew_1(p_names text[], p_ids text[], p_ttl bigint) RETURNS text[]
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
DECLARE
  done text[];
BEGIN
  ${COMMIT_SURELY}
  WITH mine AS (
    SELECT l.name FROM ${s}.lease l JOIN unnest(p_names, p_ids) AS asked(name, id) ON l.name = asked.name AND l.holder = asked.id
      WHERE l.expires_at > clock_timestamp() ORDER BY l.name FOR NO KEY UPDATE OF l SKIP LOCKED
  ), renewed AS (
    UPDATE ${s}.lease x SET expires_at = clock_timestamp() + p_ttl * interval '1 ms' FROM mine WHERE x.name = mine.name RETURNING x.holder
  )
  SELECT array_agg(renewed.holder) INTO done FROM renewed;
  -- Some may be locked by others who try to get the lock, for a moment each.
  IF coalesce(array_length(done, 1), 0) < array_length(p_ids, 1) THEN
    BEGIN
      WITH mine AS (
        SELECT l.name FROM ${s}.lease l JOIN unnest(p_names, p_ids) AS asked(name, id) ON l.name = asked.name AND l.holder = asked.id
          WHERE l.expires_at > clock_timestamp() AND l.holder <> ALL (coalesce(done, '{}')) ORDER BY l.name FOR NO KEY UPDATE OF l
      ), renewed AS (
        UPDATE ${s}.lease x SET expires_at = clock_timestamp() + p_ttl * interval '1 ms' FROM mine WHERE x.name = mine.name RETURNING x.holder
      )
      SELECT coalesce(done, '{}') || coalesce(array_agg(renewed.holder), '{}') INTO done FROM renewed;
    EXCEPTION WHEN lock_not_available THEN
      NULL;
    END;
  END IF;
  -- A statement of its own, so that it sees what has become of the others.
  RETURN ARRAY(
    SELECT CASE
      WHEN d.id IS NOT NULL THEN 'renewed'
      WHEN l.holder IS NULL OR l.holder = '-' THEN 'broken'
      WHEN l.holder <> asked.id THEN 'taken-over'
      WHEN l.expires_at <= clock_timestamp() THEN 'expired'
      ELSE 'busy' END
    FROM unnest(p_names, p_ids) WITH ORDINALITY AS asked(name, id, place)
    LEFT JOIN ${s}.lease l ON l.name = asked.name
    LEFT JOIN unnest(done) AS d(id) ON d.id = asked.id
    ORDER BY asked.place
  );
END $$;`;
}
