import { COMMIT_SURELY, LOCK_TIMEOUT, SHARED, TIMELINE } from './tables-sql.js';

/** How long a lease lasts at most that a release hands over, ms: its waiter may be gone. */
export const HANDED_OVER_MS = 2000;

/**
 * Ends of a lease.
 *
 * `release_1` hands the lock over to the first waiter, whom it notifies with the token and the number of the waiter's last look; or keeps it from
 * everybody for `p_keep` ms; or frees it. A plain release is committed asynchronously: to lose it costs the rest of a ttl.
 *
 * A server that the holder does not know hands nothing over, and neither does one that grants nothing: another lease may be missing there.
 */
export function releaseSql(s: string): string {
  return `
CREATE OR REPLACE FUNCTION ${s}.release_1(p_name text, p_id text, p_keep bigint, p_timeline text) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
DECLARE
  r ${s}.lease;
  head ${s}.waiter;
  t timestamptz;
  held boolean;
BEGIN
  SELECT * INTO r FROM ${s}.lease l WHERE l.name = p_name FOR NO KEY UPDATE;
  IF NOT FOUND OR r.holder IS DISTINCT FROM p_id THEN RETURN false; END IF;
  t := clock_timestamp();
  held := r.expires_at > t;
  IF p_keep > 0 THEN
    ${COMMIT_SURELY}
    UPDATE ${s}.lease l SET holder = '-', member = NULL, expires_at = t + p_keep * interval '1 ms' WHERE l.name = p_name;
    RETURN held;
  END IF;
  SELECT * INTO head FROM ${s}.waiter w WHERE w.name = p_name AND w.alive_until > t ORDER BY w.seq LIMIT 1;
  IF head.id IS NULL THEN
    PERFORM set_config('synchronous_commit', 'off', true);
  ELSIF (p_timeline IS NULL OR p_timeline = ${TIMELINE})
    AND NOT EXISTS (SELECT FROM ${s}.server x WHERE x.refuse_until > t) THEN
    ${COMMIT_SURELY}
    PERFORM 1 FROM ${s}.lease l WHERE l.name = p_name FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      UPDATE ${s}.lease l SET holder = CASE WHEN head.id LIKE '%${SHARED}' THEN '${SHARED}' ELSE head.id END, member = head.member, token = nextval('${s}.token'),
        expires_at = t + least(head.ttl, ${HANDED_OVER_MS}) * interval '1 ms' WHERE l.name = p_name RETURNING l.token INTO r.token;
      DELETE FROM ${s}.waiter w WHERE w.name = p_name AND w.seq <= head.seq;
      IF head.id LIKE '%${SHARED}' THEN
        DELETE FROM ${s}.share x WHERE x.name = p_name;
        INSERT INTO ${s}.share (name, id, member, token, expires_at)
          VALUES (p_name, head.id, head.member, r.token, t + least(head.ttl, ${HANDED_OVER_MS}) * interval '1 ms');
        PERFORM ${s}.wake_sharers_1(p_name, t);
      END IF;
      IF head.channel IS NOT NULL THEN
        PERFORM pg_notify(head.channel, head.id || ' ' || r.token || ' ' || head.look);
      END IF;
      RETURN held;
    END IF;
    IF head.channel IS NOT NULL THEN PERFORM pg_notify(head.channel, head.id); END IF;
  END IF;
  UPDATE ${s}.lease l SET holder = NULL, member = NULL WHERE l.name = p_name;
  RETURN held;
END $$;

-- A waiter gives its place up, and what it was granted meanwhile.
CREATE OR REPLACE FUNCTION ${s}.leave_1(p_name text, p_id text, p_timeline text) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
BEGIN
  PERFORM 1 FROM ${s}.lease l WHERE l.name = p_name FOR NO KEY UPDATE;
  DELETE FROM ${s}.waiter w WHERE w.name = p_name AND w.id = p_id;
  IF p_id LIKE '%${SHARED}' THEN RETURN ${s}.release_share_1(p_name, p_id, 0, p_timeline); END IF;
  -- Those behind it may share the lock with those who do already.
  IF FOUND THEN PERFORM ${s}.wake_sharers_1(p_name, clock_timestamp()); END IF;
  RETURN ${s}.release_1(p_name, p_id, 0, p_timeline);
END $$;`;
}
