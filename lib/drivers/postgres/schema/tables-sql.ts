import { SHARED_MARK } from '../../share-id.js';

/**
 * The tables: a row for each lock that was used lately, for each share, waiter, record and process that watches records, and one row for
 * the server.
 *
 * No index is on a column that changes, so that every update stays on its page (HOT); the fill factor leaves room for it. Tokens are drawn
 * from one sequence, in ranges, so that rows can be deleted and their tokens are never given again. The sequence begins at the clock, in
 * µs, as the tokens of the other back ends do.
 */
export function tablesSql(s: string): string {
  const storage = 'fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000';
  return `
DO $$
BEGIN
  IF to_regclass('${s}.token') IS NULL THEN
    CREATE SEQUENCE ${s}.token INCREMENT BY ${TOKENS_PER_GRANT};
    PERFORM setval('${s}.token', floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
  END IF;
END $$;

CREATE TABLE IF NOT EXISTS ${s}.lease (
  name       text COLLATE "C" PRIMARY KEY,
  token      bigint NOT NULL DEFAULT 0,
  holder     text,               -- the grant's id; '-' while the lock is blocked for all; '${SHARED}' while it is shared; null: free
  member     text,
  expires_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (${storage});

CREATE TABLE IF NOT EXISTS ${s}.share (
  name       text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  member     text,
  token      bigint NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (name, id)
) WITH (${storage});

CREATE TABLE IF NOT EXISTS ${s}.waiter (
  name        text COLLATE "C" NOT NULL,
  seq         bigint GENERATED ALWAYS AS IDENTITY,
  id          text NOT NULL,
  member      text NOT NULL,
  channel     text,              -- null: the waiter gets no notifications, and looks often
  look        integer NOT NULL,  -- the number of this waiter's last look
  ttl         bigint NOT NULL,
  alive_until timestamptz NOT NULL,
  PRIMARY KEY (name, seq)
) WITH (${storage});

CREATE TABLE IF NOT EXISTS ${s}.record (
  space      text COLLATE "C" NOT NULL,
  key        text COLLATE "C" NOT NULL,
  version    bigint NOT NULL,
  value      text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (space, key)
) WITH (${storage});

CREATE TABLE IF NOT EXISTS ${s}.watcher (
  space       text COLLATE "C" NOT NULL,
  channel     text COLLATE "C" NOT NULL,
  alive_until timestamptz NOT NULL,
  PRIMARY KEY (space, channel)
);

CREATE TABLE IF NOT EXISTS ${s}.server (
  singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  timeline     text NOT NULL,
  longest_ttl  bigint NOT NULL,
  refuse_until timestamptz NOT NULL DEFAULT '-infinity'
);`;
}

/** How long a call waits for a row that another session has locked: less than a client waits for its answer. */
export const LOCK_TIMEOUT = '300ms';

/** How many fencing tokens one grant may use: more than the layer above ever asks for at a time. */
export const TOKENS_PER_GRANT = 64;

/** If a commit is acknowledged and then lost in a crash, its lock could get a second holder. */
export const COMMIT_SURELY = `IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;`;

/** The timeline changes when a standby is promoted: the last commits that the old server acknowledged may then be missing. */
export const TIMELINE = 'substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)';

/** The holder of a shared lock: not an id, but the suffix of the ids of all shares. */
export const SHARED = SHARED_MARK;
