import { COMMIT_SURELY, LOCK_TIMEOUT, SHARED, TIMELINE } from './tables-sql.js';

/** The longest lease that a release hands over, ms: its waiter may be gone. */
export const HANDED_OVER_MS = 2000;

/**
 * The ends of a lease.
 *
 * `release_1` hands the lock over to the first waiter, and notifies it with the token and the number of its last look. Or it blocks the
 * lock for all for `p_keep` ms. Or it frees the lock. A plain release is committed asynchronously: if it is lost, the lock stays held for
 * the rest of its ttl.
 *
 * Two kinds of server hand nothing over: one that the holder does not know, and one that grants nothing. A lease may be missing there.
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

-- A waiter gives up its place, and the lease that it was granted meanwhile.
CREATE OR REPLACE FUNCTION ${s}.leave_1(p_name text, p_id text, p_timeline text) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
BEGIN
  PERFORM 1 FROM ${s}.lease l WHERE l.name = p_name FOR NO KEY UPDATE;
  DELETE FROM ${s}.waiter w WHERE w.name = p_name AND w.id = p_id;
  IF p_id LIKE '%${SHARED}' THEN RETURN ${s}.release_share_1(p_name, p_id, 0, p_timeline); END IF;
  -- Waiters behind it may now share the lock with the present sharers.
  IF FOUND THEN PERFORM ${s}.wake_sharers_1(p_name, clock_timestamp()); END IF;
  RETURN ${s}.release_1(p_name, p_id, 0, p_timeline);
END $$;`;
}
