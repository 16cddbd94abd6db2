import { keepPlace, lockRow, PRELUDE } from './acquire-sql.js';
import { COMMIT_SURELY, LOCK_TIMEOUT, SHARED } from './tables-sql.js';

/**
 * Shared locks. The row of such a lock has SHARED as its holder, and ends with the last share. So a call for an exclusive lease finds the
 * lock taken and need not know of shares. Each share is a row of its own table, written under the lock of the lock's row.
 *
 * `share_1` is one try, as `acquire_1` is. A lock can be shared when it is free, or when it is shared and no waiter for an exclusive lease
 * is ahead. The first share is a takeover, and waits for guards as every takeover does. It wakes the waiters behind it that want to share;
 * they get their share by a try of their own.
 *
 * `downgrade_1` turns an exclusive lease into a share. It returns `done`, `lost` or `guarded`, and can be repeated. While a transaction
 * under the exclusive lease is open, the lock cannot be shared: that transaction was promised to be alone.
 *
 * A downgrade that was not confirmed may not have run. So the calls for a share take the exclusive lease that it follows for that share.
 * `renew_shares_1` then does the downgrade too, unless the lock is guarded. The next renewal tries it again.
 */
export function sharedSql(s: string): string {
  return `
-- Wakes the waiters that want to share, up to the first one that wants an exclusive lease.
CREATE OR REPLACE FUNCTION ${s}.wake_sharers_1(p_name text, p_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify(w.channel, w.id) FROM ${s}.waiter w
    WHERE w.name = p_name AND w.alive_until > p_now AND w.channel IS NOT NULL AND w.id LIKE '%${SHARED}'
      AND w.seq < coalesce((SELECT min(x.seq) FROM ${s}.waiter x
        WHERE x.name = p_name AND x.alive_until > p_now AND x.id NOT LIKE '%${SHARED}'), 9223372036854775807)
    ORDER BY w.seq;
END $$;

CREATE OR REPLACE FUNCTION ${s}.share_1(
  p_name text, p_id text, p_member text, p_ttl bigint, p_channel text, p_wait integer, p_look integer, p_timeline text,
  OUT outcome text, OUT first_token bigint, OUT remaining bigint
) LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
DECLARE
  r ${s}.lease;
  head ${s}.waiter;
  t timestamptz;
  live boolean;
BEGIN
  ${PRELUDE}
  ${lockRow(s)}
  t := clock_timestamp();
  live := r.holder IS NOT NULL AND r.expires_at > t;
  IF r.holder = '${SHARED}' THEN
    UPDATE ${s}.share x SET expires_at = t + p_ttl * interval '1 ms' WHERE x.name = p_name AND x.id = p_id RETURNING x.token INTO first_token;
    IF FOUND THEN
      UPDATE ${s}.lease l SET expires_at = greatest(r.expires_at, t + p_ttl * interval '1 ms') WHERE l.name = p_name;
      outcome := 'granted'; remaining := p_ttl; RETURN;
    END IF;
  END IF;
  -- The first waiter ahead of this one that wants an exclusive lease.
  SELECT * INTO head FROM ${s}.waiter w WHERE w.name = p_name AND w.alive_until > t AND w.id NOT LIKE '%${SHARED}'
    AND w.seq < coalesce((SELECT x.seq FROM ${s}.waiter x WHERE x.name = p_name AND x.id = p_id), 9223372036854775807)
    ORDER BY w.seq LIMIT 1;
  IF live AND (r.holder <> '${SHARED}' OR head.id IS NOT NULL) THEN
    outcome := 'taken'; remaining := ceil(extract(epoch FROM r.expires_at - t) * 1000);
  ELSIF head.id IS NOT NULL THEN
    outcome := 'queued'; remaining := 0;
    IF head.channel IS NOT NULL THEN PERFORM pg_notify(head.channel, head.id); END IF;
  ELSE
    first_token := nextval('${s}.token');
    IF live THEN
      DELETE FROM ${s}.share x WHERE x.name = p_name AND x.expires_at <= t;
      UPDATE ${s}.lease l SET expires_at = greatest(r.expires_at, t + p_ttl * interval '1 ms'), token = first_token WHERE l.name = p_name;
      outcome := 'granted';
    ELSE
      PERFORM 1 FROM ${s}.lease l WHERE l.name = p_name FOR UPDATE SKIP LOCKED;
      IF FOUND THEN
        DELETE FROM ${s}.share x WHERE x.name = p_name;
        UPDATE ${s}.lease l SET holder = '${SHARED}', member = NULL, token = first_token, expires_at = t + p_ttl * interval '1 ms'
          WHERE l.name = p_name;
        outcome := 'granted';
      ELSE
        outcome := 'guarded'; remaining := 0;
      END IF;
    END IF;
    IF outcome = 'granted' THEN
      INSERT INTO ${s}.share (name, id, member, token, expires_at) VALUES (p_name, p_id, p_member, first_token, t + p_ttl * interval '1 ms');
      DELETE FROM ${s}.waiter w WHERE w.name = p_name AND w.id = p_id;
      IF NOT live THEN PERFORM ${s}.wake_sharers_1(p_name, t); END IF;
      remaining := p_ttl; RETURN;
    END IF;
  END IF;
  ${keepPlace(s)}
END $$;

-- Ends one share. The last one ends the lock's lease, as the release of an exclusive lease does.
-- If the server knows only the exclusive lease, the call ends that one.
CREATE OR REPLACE FUNCTION ${s}.release_share_1(p_name text, p_id text, p_keep bigint, p_timeline text) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
DECLARE
  r ${s}.lease;
  t timestamptz;
  ends timestamptz;
  last_end timestamptz;
BEGIN
  SELECT * INTO r FROM ${s}.lease l WHERE l.name = p_name FOR NO KEY UPDATE;
  IF r.holder = rtrim(p_id, '${SHARED}') THEN RETURN ${s}.release_1(p_name, r.holder, p_keep, p_timeline); END IF;
  IF r.holder IS DISTINCT FROM '${SHARED}' THEN RETURN false; END IF;
  DELETE FROM ${s}.share x WHERE x.name = p_name AND x.id = p_id RETURNING x.expires_at INTO ends;
  IF ends IS NULL THEN RETURN false; END IF;
  t := clock_timestamp();
  IF p_keep > 0 THEN
    -- A share without a holder.
    INSERT INTO ${s}.share (name, id, token, expires_at) VALUES (p_name, '-' || p_id, 0, t + p_keep * interval '1 ms');
  END IF;
  SELECT max(x.expires_at) INTO last_end FROM ${s}.share x WHERE x.name = p_name AND x.expires_at > t;
  IF last_end IS NULL AND r.expires_at > t THEN
    UPDATE ${s}.lease l SET holder = p_id, expires_at = t + interval '1 minute' WHERE l.name = p_name;
    PERFORM ${s}.release_1(p_name, p_id, 0, p_timeline);
  ELSIF last_end IS NOT NULL THEN
    ${COMMIT_SURELY}
    UPDATE ${s}.lease l SET expires_at = last_end WHERE l.name = p_name;
  END IF;
  RETURN ends > t;
END $$;

-- Moves the ends of shares, and returns for each, in the same order, what renew_1 returns for exclusive leases.
CREATE OR REPLACE FUNCTION ${s}.renew_shares_1(p_names text[], p_ids text[], p_ttl bigint) RETURNS text[]
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
DECLARE
  outcomes text[] := array_fill('busy'::text, ARRAY[array_length(p_ids, 1)]);
  asked record;
  r ${s}.lease;
  ends timestamptz;
  renewed boolean;
BEGIN
  ${COMMIT_SURELY}
  -- In the order in which renew_1 locks them.
  FOR asked IN SELECT * FROM unnest(p_names, p_ids) WITH ORDINALITY AS a(name, id, place) ORDER BY a.name COLLATE "C" LOOP
    SELECT * INTO r FROM ${s}.lease l WHERE l.name = asked.name FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
      BEGIN
        SELECT * INTO r FROM ${s}.lease l WHERE l.name = asked.name FOR NO KEY UPDATE;
      EXCEPTION WHEN lock_not_available THEN
        CONTINUE;
      END;
    END IF;
    ends := clock_timestamp() + p_ttl * interval '1 ms';
    IF r.holder = '${SHARED}' THEN
      UPDATE ${s}.share x SET expires_at = ends WHERE x.name = asked.name AND x.id = asked.id AND x.expires_at > clock_timestamp();
      renewed := FOUND;
      IF renewed THEN UPDATE ${s}.lease l SET expires_at = greatest(r.expires_at, ends) WHERE l.name = asked.name; END IF;
    ELSE
      UPDATE ${s}.lease l SET expires_at = ends WHERE l.name = asked.name AND l.holder = rtrim(asked.id, '${SHARED}')
        AND l.expires_at > clock_timestamp();
      renewed := FOUND;
      IF renewed THEN PERFORM ${s}.downgrade_1(asked.name, rtrim(asked.id, '${SHARED}'), asked.id, p_ttl); END IF;
    END IF;
    outcomes[asked.place] := CASE
      WHEN renewed THEN 'renewed'
      WHEN r.holder IS NULL OR r.holder = '-' THEN 'broken'
      WHEN r.holder = rtrim(asked.id, '${SHARED}') THEN 'expired'
      WHEN r.holder <> '${SHARED}' THEN 'taken-over'
      WHEN EXISTS (SELECT FROM ${s}.share x WHERE x.name = asked.name AND x.id = asked.id) THEN 'expired'
      ELSE 'broken' END;
  END LOOP;
  RETURN outcomes;
END $$;

CREATE OR REPLACE FUNCTION ${s}.downgrade_1(p_name text, p_id text, p_share text, p_ttl bigint) RETURNS text
LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
DECLARE
  r ${s}.lease;
  t timestamptz;
BEGIN
  ${COMMIT_SURELY}
  SELECT * INTO r FROM ${s}.lease l WHERE l.name = p_name FOR NO KEY UPDATE;
  t := clock_timestamp();
  IF r.holder = '${SHARED}' THEN
    RETURN CASE WHEN EXISTS (SELECT FROM ${s}.share x WHERE x.name = p_name AND x.id = p_share AND x.expires_at > t) THEN 'done' ELSE 'lost' END;
  END IF;
  IF r.holder IS DISTINCT FROM p_id OR r.expires_at <= t THEN RETURN 'lost'; END IF;
  PERFORM 1 FROM ${s}.lease l WHERE l.name = p_name FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN 'guarded'; END IF;
  DELETE FROM ${s}.share x WHERE x.name = p_name;
  INSERT INTO ${s}.share (name, id, member, token, expires_at)
    VALUES (p_name, p_share, r.member, r.token, greatest(r.expires_at, t + p_ttl * interval '1 ms'));
  UPDATE ${s}.lease l SET holder = '${SHARED}', member = NULL, expires_at = greatest(r.expires_at, t + p_ttl * interval '1 ms')
    WHERE l.name = p_name;
  PERFORM ${s}.wake_sharers_1(p_name, t);
  RETURN 'done';
END $$;`;
}
