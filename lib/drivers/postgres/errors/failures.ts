/**
 * What the driver does about an error.
 *
 * - `reconnect`: this connection is of no use; a new one may be
 * - `schema`: tables, functions or rights are not as this package needs them
 * - `options`: the configuration cannot work
 * - `once`: only this statement failed, and the server is well
 */
export type Consequence = 'reconnect' | 'schema' | 'options' | 'once';

interface Failure {
  /** SQLSTATEs or codes of Node, or their first characters. */
  readonly codes?: readonly string[];
  /** Matches the message of an error without a code. */
  readonly words?: RegExp;
  /** What has happened, and what an operator can do. */
  readonly advice: string;
  readonly consequence: Consequence;
}

/** All failures of a server, in one place. The first entry that fits counts. */
const TABLE: readonly Failure[] = [
  {
    codes: ['25006'],
    advice: 'is read-only, a standby or a server that was demoted: give the address of the primary',
    consequence: 'reconnect',
  },
  {
    codes: ['28P01', '28000'],
    words: /client password must be a string|password authentication failed/,
    advice:
      'refuses user or password: correct them in the URL, in PGUSER and PGPASSWORD, or in postgres.pool',
    consequence: 'options',
  },
  {
    codes: ['3D000'],
    advice: 'has no such database: create it, or correct the name in the URL',
    consequence: 'options',
  },
  {
    codes: ['08P01'],
    words: /unsupported startup parameter/,
    advice:
      'is behind a pooler that refuses a start-up parameter: take statement_timeout and options out of the URL or of postgres.pool',
    consequence: 'options',
  },
  {
    codes: ['42501'],
    advice:
      'refuses this role a right: run the GRANT lines of docs/postgres.md, "Rights", as the owner of the schema',
    consequence: 'schema',
  },
  {
    codes: ['3F000', '42P01', '42883'],
    advice:
      'lacks tables or functions of nestjs-coordination: run the SQL of postgresSchema() as a role that may create them, or set postgres.migrate (COORDINATION_POSTGRES_MIGRATE) to true',
    consequence: 'schema',
  },
  {
    codes: ['NC002'],
    advice:
      "has transactions that are not READ COMMITTED behind a pooler: ALTER ROLE … SET default_transaction_isolation = 'read committed'",
    consequence: 'options',
  },
  {
    codes: ['53300'],
    advice: 'takes no more connections (53300): raise max_connections, or use a pooler',
    consequence: 'reconnect',
  },
  {
    codes: ['57P01', '57P02', '57P03'],
    advice: 'is shutting down or starting up',
    consequence: 'reconnect',
  },
  {
    codes: ['55P03'],
    advice: 'has the row locked by another session for over a second (55P03): look for it in pg_locks',
    consequence: 'once',
  },
  { codes: ['40001', '40P01', '57014'], advice: 'ended the statement', consequence: 'once' },
  { codes: ['53100'], advice: 'has no room on its disk (53100)', consequence: 'once' },
  {
    codes: ['26000', '42P05'],
    advice:
      'is behind a pooler that mixes up prepared statements: use one that knows them, or its session mode',
    consequence: 'options',
  },
  {
    codes: ['ENOTFOUND', 'EAI_AGAIN'],
    advice: 'cannot be found by that host name: check the URL and the DNS',
    consequence: 'reconnect',
  },
  {
    codes: ['ECONNREFUSED', 'ENOENT'],
    advice: 'takes no connection at that address: check that it runs, and host and port in the URL',
    consequence: 'reconnect',
  },
  {
    words: /does not support SSL/,
    advice: 'does not speak TLS: turn it on there, or set sslmode=disable in the URL',
    consequence: 'options',
  },
  {
    codes: ['SELF_SIGNED', 'DEPTH_ZERO', 'UNABLE_TO_', 'ERR_TLS', 'CERT_'],
    advice: 'has a TLS certificate that is not trusted: give sslrootcert in the URL, or ssl in postgres.pool',
    consequence: 'options',
  },
  {
    words: /timeout expired|read timeout|timeout exceeded/i,
    advice: 'did not answer in time',
    consequence: 'reconnect',
  },
  {
    words: /Connection terminated|Connection ended|not queryable|ECONNRESET|EPIPE/,
    advice: 'has closed the connection',
    consequence: 'reconnect',
  },
];

/** The meaning of an error of pg or of the server. */
export interface Explained {
  /** A clause that follows the server's name, with what to do. Names no secret. */
  readonly advice: string;
  readonly consequence: Consequence;
}

export function explain(error: unknown): Explained {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  const known = TABLE.find(
    ({ codes = [], words }) =>
      codes.some((known) => code?.startsWith(known)) || (words?.test(message) ?? false),
  );
  if (known) return known;
  // A SQLSTATE means that the server has answered, and will answer again.
  const answered = code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('08');
  return {
    advice: `answers: ${oneLine(message)}${code === undefined ? '' : ` (${code})`}`,
    consequence: answered ? 'once' : 'reconnect',
  };
}

export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 300);
}
