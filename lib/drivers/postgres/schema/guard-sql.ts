import { NO_TRANSACTION, NOT_HELD } from '../../driver.js';
import { SHARED } from './tables-sql.js';

/**
 * The check inside a transaction of the application. Its row lock keeps other claims from taking the lock over until that transaction ends.
 *
 * It is sent as a statement of its own without values. Outside a transaction, such a statement begins one itself; that is how the function
 * detects a missing transaction. It lowers `idle_in_transaction_session_timeout` for this transaction, so that a process that is stopped
 * in the middle does not keep the lock for ever. The caller needs no right on the table: the function runs with the rights of its owner.
 *
 * The id of a share also stands for the exclusive lease that it follows: a downgrade is not done before this transaction has ended.
 *
 * @param p_idle ms; 0: the session's own limit stays
 */
export function guardSql(s: string): string {
  return `
CREATE OR REPLACE FUNCTION ${s}.guard_1(p_name text, p_id text, p_idle integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found_token bigint;
  found_holder text;
  present interval := current_setting('idle_in_transaction_session_timeout')::interval;
BEGIN
  IF transaction_timestamp() = statement_timestamp() THEN
    RAISE EXCEPTION 'a guard needs an open transaction' USING ERRCODE = '${NO_TRANSACTION}';
  END IF;
  SELECT l.token, l.holder INTO found_token, found_holder FROM ${s}.lease l
    WHERE l.name = p_name AND (l.holder = rtrim(p_id, '${SHARED}') OR l.holder = '${SHARED}' AND p_id LIKE '%${SHARED}') FOR KEY SHARE;
  -- A statement of its own: the row may have changed while this one waited for it.
  IF FOUND AND found_holder = '${SHARED}' THEN
    SELECT x.token INTO found_token FROM ${s}.share x WHERE x.name = p_name AND x.id = p_id;
  END IF;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the lease is not held any more, or this transaction began before it' USING ERRCODE = '${NOT_HELD}';
  END IF;
  IF p_idle > 0 AND (present = interval '0' OR present > p_idle * interval '1 ms') THEN
    PERFORM set_config('idle_in_transaction_session_timeout', p_idle::text, true);
  END IF;
  RETURN found_token;
END $$;`;
}
