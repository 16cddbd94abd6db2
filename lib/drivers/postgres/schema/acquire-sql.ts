import { COMMIT_SURELY, LOCK_TIMEOUT, SHARED, TIMELINE } from './tables-sql.js';

/** The beginning of a try. It ends a try that must not go on. */
export const PRELUDE = `IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'nestjs-coordination needs transactions that are READ COMMITTED' USING ERRCODE = 'NC002';
  END IF;
  IF p_timeline IS NOT NULL AND p_timeline <> ${TIMELINE} THEN
    outcome := 'moved'; remaining := 0; RETURN;
  END IF;
  ${COMMIT_SURELY}`;

/** Locks the lock's row and puts it in `r`. The first try makes the row. */
export const lockRow = (s: string): string => `LOOP
    SELECT * INTO r FROM ${s}.lease l WHERE l.name = p_name FOR NO KEY UPDATE;
    EXIT WHEN FOUND;
    INSERT INTO ${s}.lease (name) VALUES (p_name) ON CONFLICT DO NOTHING;
  END LOOP;`;

/** The end of a refused try: a waiter gets a place in the queue, or keeps its place. */
export const keepPlace = (s: string): string => `IF p_wait > 0 THEN
    UPDATE ${s}.waiter w SET alive_until = t + p_wait * interval '1 ms', look = p_look, channel = p_channel
      WHERE w.name = p_name AND w.id = p_id;
    IF NOT FOUND THEN
      INSERT INTO ${s}.waiter (name, id, member, channel, look, ttl, alive_until)
        VALUES (p_name, p_id, p_member, p_channel, p_look, p_ttl, t + p_wait * interval '1 ms');
    END IF;
  END IF;`;

/**
 * One try. It waits only for other calls of this package, and never for a guard.
 *
 * - `granted`; also to the same id again, when the reply was lost or the lock was handed over to it
 * - `taken`: `remaining` ms are left of the present lease
 * - `queued`: the lock is free, and other waiters came before
 * - `guarded`: the lock is free, but a transaction under the last lease is still open
 * - `moved`: another server answers than the caller knows
 *
 * The row is locked twice. NO KEY UPDATE serialises the tries. The takeover also needs UPDATE, for two reasons. A guard's KEY SHARE
 * blocks it. And it marks the new version of the row, so that a guard with an older snapshot fails with 40001 and does not pass.
 *
 * @param p_wait how long a place in the queue is kept for this id, ms; 0: the claim does not wait
 */
export function acquireSql(s: string): string {
  return `
CREATE OR REPLACE FUNCTION ${s}.acquire_1(
  p_name text, p_id text, p_member text, p_ttl bigint, p_channel text, p_wait integer, p_look integer, p_timeline text,
  OUT outcome text, OUT first_token bigint, OUT remaining bigint
) LANGUAGE plpgsql SET lock_timeout = '${LOCK_TIMEOUT}' AS $$
DECLARE
  r ${s}.lease;
  head ${s}.waiter;
  t timestamptz;
BEGIN
  ${PRELUDE}
  ${lockRow(s)}
  t := clock_timestamp();
  IF r.holder = p_id THEN
    UPDATE ${s}.lease l SET expires_at = t + p_ttl * interval '1 ms' WHERE l.name = p_name;
    outcome := 'granted'; first_token := r.token; remaining := p_ttl; RETURN;
  END IF;
  SELECT * INTO head FROM ${s}.waiter w WHERE w.name = p_name AND w.alive_until > t ORDER BY w.seq LIMIT 1;
  IF r.holder IS NOT NULL AND r.expires_at > t THEN
    outcome := 'taken'; remaining := ceil(extract(epoch FROM r.expires_at - t) * 1000);
  ELSIF head.id IS NOT NULL AND head.id <> p_id THEN
    outcome := 'queued'; remaining := 0;
    -- A lease that ended by its ttl has sent the first waiter no notification.
    IF head.channel IS NOT NULL THEN PERFORM pg_notify(head.channel, head.id); END IF;
  ELSE
    PERFORM 1 FROM ${s}.lease l WHERE l.name = p_name FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
      IF r.holder = '${SHARED}' THEN DELETE FROM ${s}.share x WHERE x.name = p_name; END IF;
      UPDATE ${s}.lease l SET holder = p_id, member = p_member, token = nextval('${s}.token'),
        expires_at = t + p_ttl * interval '1 ms' WHERE l.name = p_name RETURNING l.token INTO first_token;
      IF head.id IS NOT NULL THEN DELETE FROM ${s}.waiter w WHERE w.name = p_name AND w.seq <= head.seq; END IF;
      outcome := 'granted'; remaining := p_ttl; RETURN;
    END IF;
    outcome := 'guarded'; remaining := 0;
  END IF;
  ${keepPlace(s)}
END $$;`;
}
