import { COMMIT_SURELY, LOCK_TIMEOUT } from './tables-sql.js';

/**
 * Writes of records. Only processes that watch the space are notified: a NOTIFY serialises the commits of the database.
 */
export function recordSql(s: string): string {
  const tellWatchers = `PERFORM pg_notify(w.channel, '* ' || p_space) FROM ${s}.watcher w
      WHERE w.space = p_space AND w.alive_until > clock_timestamp();`;
  return `
CREATE OR REPLACE FUNCTION ${s}.put_record_1(
  p_space text, p_key text, p_version bigint, p_value text, p_ttl double precision,
  OUT version bigint, OUT value text, OUT remaining double precision, OUT at double precision
) LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
DECLARE
  r ${s}.record;
  changed integer;
BEGIN
  ${COMMIT_SURELY}
  LOOP
    INSERT INTO ${s}.record AS old (space, key, version, value, expires_at)
      VALUES (p_space, p_key, p_version, p_value, clock_timestamp() + p_ttl * interval '1 ms')
      ON CONFLICT (space, key) DO UPDATE SET version = p_version, value = p_value,
        expires_at = clock_timestamp() + p_ttl * interval '1 ms'
      WHERE old.expires_at <= clock_timestamp() OR p_version > old.version
        OR (p_version = old.version AND p_value = old.value);
    GET DIAGNOSTICS changed = ROW_COUNT;
    SELECT * INTO r FROM ${s}.record x WHERE x.space = p_space AND x.key = p_key;
    EXIT WHEN FOUND;
  END LOOP;
  IF changed > 0 THEN
    ${tellWatchers}
  END IF;
  version := r.version; value := r.value;
  remaining := greatest(0, extract(epoch FROM r.expires_at - clock_timestamp()) * 1000);
  at := extract(epoch FROM clock_timestamp()) * 1000;
END $$;

CREATE OR REPLACE FUNCTION ${s}.remove_record_1(p_space text, p_key text, p_version bigint) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
BEGIN
  DELETE FROM ${s}.record x WHERE x.space = p_space AND x.key = p_key AND x.version <= p_version;
  IF FOUND THEN
    ${tellWatchers}
  END IF;
END $$;`;
}
