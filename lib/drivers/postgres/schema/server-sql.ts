import { LOCK_TIMEOUT, TIMELINE } from './tables-sql.js';

/**
 * `open_1` is called once for each connection. It tells which server this is, and for how many ms it grants nothing.
 *
 * If a standby was promoted since the last call, the last leases of the old server may be missing, unless the standby is a synchronous
 * one. Such leases are over after the longest ttl, and the server grants nothing until then. Its tokens continue above the clock, and so
 * above the tokens that are missing.
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
END $$;`;
}
