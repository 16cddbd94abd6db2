import { LOCK_TIMEOUT, TIMELINE } from './tables-sql.js';

/** How many rows of locks one call deletes. */
export const PURGED_AT_ONCE = 1000;

/**
 * `open_1` is called once for each connection. It tells which server this is, and for how many ms it grants nothing.
 *
 * If a standby was promoted since the last call, the last leases of the old server may be missing, unless the standby is a synchronous
 * one. Such leases are over after the longest ttl, and the server grants nothing until then. Its tokens continue above the clock, and so
 * above the tokens that are missing.
 *
 * `purge_1` deletes the rows that were not used for a day, but no row of a guarded lock. It returns the number of deleted locks.
 */
export function serverSql(s: string): string {
  return `
CREATE OR REPLACE FUNCTION ${s}.open_1(p_ttl bigint, OUT timeline text, OUT refuses integer)
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
DECLARE
  r ${s}.server;
BEGIN
  IF pg_is_in_recovery() THEN
    RAISE EXCEPTION 'this server is a standby' USING ERRCODE = '25006';
  END IF;
  BEGIN
    timeline := ${TIMELINE};
  EXCEPTION WHEN OTHERS THEN
    -- Some managed services do not tell it.
    timeline := '';
  END;
  LOOP
    SELECT * INTO r FROM ${s}.server FOR UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO ${s}.server (timeline, longest_ttl) VALUES (timeline, p_ttl) ON CONFLICT DO NOTHING;
  END LOOP;
  IF r.timeline <> timeline THEN
    r.refuse_until := clock_timestamp() + greatest(r.longest_ttl, p_ttl) * interval '1 ms';
    PERFORM setval('${s}.token', greatest(nextval('${s}.token'), floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint));
    UPDATE ${s}.server SET timeline = open_1.timeline, longest_ttl = greatest(longest_ttl, p_ttl), refuse_until = r.refuse_until;
  ELSIF p_ttl > r.longest_ttl THEN
    UPDATE ${s}.server SET longest_ttl = p_ttl;
  END IF;
  refuses := greatest(0, least(ceil(extract(epoch FROM greatest(r.refuse_until, clock_timestamp()) - clock_timestamp()) * 1000), 2147483647));
END $$;

CREATE OR REPLACE FUNCTION ${s}.purge_1() RETURNS integer
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
DECLARE
  deleted integer;
BEGIN
  DELETE FROM ${s}.lease WHERE name IN (
    SELECT l.name FROM ${s}.lease l WHERE l.expires_at < clock_timestamp() - interval '1 day' LIMIT ${PURGED_AT_ONCE} FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS deleted = ROW_COUNT;
  DELETE FROM ${s}.share x WHERE x.expires_at < clock_timestamp() - interval '1 day';
  DELETE FROM ${s}.waiter WHERE alive_until < clock_timestamp() - interval '1 hour';
  DELETE FROM ${s}.record WHERE expires_at < clock_timestamp();
  DELETE FROM ${s}.watcher WHERE alive_until < clock_timestamp();
  RETURN deleted;
END $$;`;
}
