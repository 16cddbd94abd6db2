import type { Findings } from '../finding.js';

/** The facts that one statement reads off the server. */
export const SERVER_FACTS = `SELECT
  current_setting('server_version_num')::integer AS version, current_setting('server_version') AS shown,
  current_user AS role, pg_backend_pid() AS pid, pg_is_in_recovery() AS standby,
  current_setting('transaction_read_only') AS readonly,
  current_setting('default_transaction_isolation') AS isolation,
  current_setting('fsync') AS fsync, current_setting('full_page_writes') AS full_pages,
  current_setting('synchronous_commit') AS synchronous_commit,
  current_setting('synchronous_standby_names') AS standbys,
  current_setting('idle_session_timeout', true) AS idle_session,
  current_setting('statement_timeout') AS statement_timeout,
  current_setting('max_connections')::integer AS most, (SELECT count(*)::integer FROM pg_stat_activity) AS connections,
  (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) AS ssl,
  inet_client_addr() IS NULL OR host(inet_client_addr()) = host(inet_server_addr()) AS local`;

export type ServerFacts = Readonly<Record<string, string | number | boolean | null | undefined>>;

const OLDEST = 130_000;

/** From this share of `max_connections` on, a server is nearly full. */
const NEARLY_FULL = 0.9;

/** @returns whether the server takes writes */
export function tellServer(findings: Findings, facts: ServerFacts): boolean {
  const text = (name: string): string => String(facts[name] ?? '');
  const what = `PostgreSQL ${text('shown')}, role ${text('role')}`;
  if (Number(facts['version']) < OLDEST)
    findings.problem('version', what, 'the functions need PostgreSQL 13', 'use PostgreSQL 13 or later');
  else findings.ok('version', what);
  tellEncryption(findings, facts);
  tellDurability(findings, text);
  tellSessions(findings, facts, text);
  return tellWrites(findings, facts, text);
}

type TextOf = (name: string) => string;

function tellWrites(findings: Findings, facts: ServerFacts, text: TextOf): boolean {
  if (facts['standby'] === true) {
    findings.problem(
      'role',
      'it is a standby (in recovery)',
      'it takes no writes, so no lock is granted',
      'give an address that follows the primary',
    );
    return false;
  }
  if (text('readonly') === 'on') {
    findings.problem(
      'role',
      'its transactions are read-only (default_transaction_read_only)',
      'no lock is granted',
      'ALTER ROLE … SET default_transaction_read_only = off, or give the address of the primary',
    );
    return false;
  }
  findings.ok('role', 'it is a primary, and takes writes');
  return true;
}

function tellDurability(findings: Findings, text: TextOf): void {
  if (text('fsync') === 'off')
    findings.problem(
      'fsync',
      'fsync is off',
      'a crash of the machine may lose leases and records, and damage the database',
      'set fsync = on (only a test does without)',
    );
  else findings.ok('fsync', 'fsync is on');
  if (text('full_pages') === 'off')
    findings.warning(
      'fsync',
      'full_page_writes is off',
      'a crash may damage the database, unless its file system writes whole pages',
      'set full_page_writes = on',
    );
  const commit = text('synchronous_commit');
  if (commit === 'off' || commit === 'local')
    findings.note(
      'synchronous_commit',
      `synchronous_commit is ${commit}`,
      'grants and renewals are committed synchronously all the same; your own transactions are not',
    );
  else findings.ok('synchronous_commit', `synchronous_commit is ${commit}`);
  if (text('standbys') === '')
    findings.note(
      'standbys',
      'no standby is synchronous',
      'after a failover the last leases may be missing, and nothing is granted for the longest ttl',
      'for a failover without that pause set synchronous_standby_names',
    );
  else findings.ok('standbys', 'a failover loses no lease: synchronous_standby_names is set');
}

function tellSessions(findings: Findings, facts: ServerFacts, text: TextOf): void {
  const [used, most] = [Number(facts['connections']), Number(facts['most'])];
  const what = `${used} of ${most} connections are used; each replica needs two of its own`;
  if (used < NEARLY_FULL * most) findings.ok('connections', what);
  else
    findings.warning(
      'connections',
      what,
      'a replica that finds none does not start (53300)',
      'raise max_connections, or use a pooler',
    );
  if (text('isolation') !== 'read committed')
    findings.note(
      'isolation',
      `default_transaction_isolation is ${text('isolation')}`,
      'the coordinator sets it for its own sessions; behind a pooler of transactions it cannot',
    );
  const idle = text('idle_session');
  if (idle !== '' && idle !== '0')
    findings.note(
      'idle_session_timeout',
      `idle_session_timeout is ${idle}`,
      'the server ends a connection that is idle for so long; the coordinator connects anew',
    );
}

function tellEncryption(findings: Findings, facts: ServerFacts): void {
  if (facts['ssl'] === true) findings.ok('tls', 'the connection is encrypted');
  else if (facts['local'] === true)
    findings.ok('tls', 'the connection is not encrypted, and stays on this machine');
  else
    findings.warning(
      'tls',
      'the connection is not encrypted',
      'a reader of that network sees the names of locks, and perhaps the password',
      'add sslmode=verify-full to the URL',
    );
}
