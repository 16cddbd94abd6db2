import {
  missingFunctions,
  missingRights,
  type PgClient,
} from '../../../drivers/postgres/connection/index.js';
import { explain } from '../../../drivers/postgres/errors/index.js';
import type { PostgresBackendOptions } from '../../../drivers/postgres/options/index.js';
import { DEFAULT_SCHEMA } from '../../../drivers/postgres/schema/index.js';
import type { Examined } from '../examined.js';
import { type Finding, Findings } from '../finding.js';
import { measure, tellLatency, tellSkew, within } from '../measure.js';
import { connectingTo, type Connecting } from './connect.js';
import { SERVER_FACTS, type ServerFacts, tellServer } from './server-findings.js';

/** Its result is the same in two sessions of one database, and differs from that of any other database that runs at this time. */
const WHICH_DATABASE = `SELECT pg_postmaster_start_time()::text || ' ' || oid AS which
  FROM pg_database WHERE datname = current_database()`;

/** The server, the schema and the rights of the role. */
export async function examinePostgres(examined: Examined): Promise<readonly Finding[]> {
  const connecting = await connectingTo(examined);
  const findings = new Findings(connecting.name);
  const clients: PgClient[] = [];
  try {
    const client = await within(connecting.connect());
    clients.push(client);
    findings.ok('reach', 'it answers');
    const measured = await measure(examined.clock, () => timeOf(client));
    tellLatency(findings, measured, connecting.commandTimeout);
    tellSkew(findings, measured);
    const facts = ((await within(client.query(SERVER_FACTS))).rows[0] ?? {}) as ServerFacts;
    const writes = tellServer(findings, facts);
    const options = (examined.options ?? {}) as PostgresBackendOptions;
    await tellSchema(findings, client, options, facts, writes);
    await tellListening(findings, connecting, client, options, facts, clients);
  } catch (error) {
    findings.problem(
      'reach',
      `it ${explain(error).advice}`,
      'no lock is granted',
      'see above; then run this again',
    );
  } finally {
    await Promise.all(clients.map((client) => within(client.end()).catch(() => undefined)));
  }
  return findings.all;
}

async function timeOf(client: PgClient): Promise<number> {
  const { rows } = await within(client.query('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now'));
  return Number(rows[0]?.['now']);
}

async function tellSchema(
  findings: Findings,
  client: PgClient,
  { schema = DEFAULT_SCHEMA, migrate }: PostgresBackendOptions,
  facts: ServerFacts,
  writes: boolean,
): Promise<void> {
  const { rows } = await within(
    client.query(
      `SELECT has_schema_privilege(oid, 'USAGE') AS usable, has_database_privilege(current_database(), 'CREATE') AS creates
        FROM (SELECT 1) AS one LEFT JOIN pg_namespace ON nspname = $1`,
      [schema],
    ),
  );
  const { usable, creates } = rows[0] ?? {};
  const migrates = migrate ?? process.env['NODE_ENV'] !== 'production';
  if (usable === false) {
    findings.problem(
      'rights',
      `the role ${String(facts['role'])} may not use the schema ${schema}`,
      'the coordinator does not start',
      `GRANT USAGE ON SCHEMA ${schema}, and the other lines of docs/postgres.md, "Rights"`,
    );
    return;
  }
  const missing = await missingFunctions(client, schema);
  if (missing.length > 0) {
    const what =
      usable === true
        ? `the schema ${schema} lacks ${missing.length} functions of this version (${missing[0]}, …)`
        : `there is no schema ${schema}`;
    if (migrates && creates === true && writes)
      findings.note('schema', what, 'the next start creates what is missing (postgres.migrate is on)');
    else
      findings.problem(
        'schema',
        what,
        'the coordinator does not start',
        'run nestjs-coordination migrate as a role that may create it, or nestjs-coordination sql | psql',
      );
    return;
  }
  findings.ok('schema', `the schema ${schema} has all that this version needs`);
  const lacking = await missingRights(client, schema);
  if (lacking.length === 0) findings.ok('rights', `the role ${String(facts['role'])} has all rights`);
  else
    findings.problem(
      'rights',
      `the role ${String(facts['role'])} lacks ${lacking.join(', ')}`,
      'the coordinator does not start',
      'run the GRANT lines of docs/postgres.md, "Rights", as the owner of the schema',
    );
}

/** Whether waiters are told of freed locks: not through a pooler that gives each transaction another session. */
async function tellListening(
  findings: Findings,
  connecting: Connecting,
  client: PgClient,
  { listen }: PostgresBackendOptions,
  facts: ServerFacts,
  clients: PgClient[],
): Promise<void> {
  const pooled = facts['pid'] !== client.processID;
  if (connecting.connectToListen) {
    await tellSecondUrl(findings, connecting.connectToListen, client, clients);
    return;
  }
  if (listen === false)
    findings.note('listen', 'listen is off', 'waiters look every 50 to 100 ms, and are told nothing');
  else if (!pooled) findings.ok('listen', 'no pooler is on the way: waiters are told when a lock is free');
  else if (listen === true)
    findings.warning(
      'listen',
      'a pooler is on the way, and listen is true',
      'through a pooler of transactions hardly any message arrives, and waiters look once a second',
      'leave listen: true only where the pooler is one of sessions; otherwise give the URL of the server itself',
    );
  else
    findings.warning(
      'listen',
      'a pooler is on the way',
      'waiters look every 50 to 100 ms, and are told nothing',
      'set postgres.listen (COORDINATION_POSTGRES_LISTEN) to the URL of the server itself; true for a pooler of sessions',
    );
}

async function tellSecondUrl(
  findings: Findings,
  connect: () => Promise<PgClient>,
  client: PgClient,
  clients: PgClient[],
): Promise<void> {
  try {
    const second = await within(connect());
    clients.push(second);
    const [here, there] = await Promise.all(
      [client, second].map(async (each) => (await within(each.query(WHICH_DATABASE))).rows[0]?.['which']),
    );
    if (here === there) findings.ok('listen', 'the URL of listen leads to the same database');
    else
      findings.problem(
        'listen',
        'the URL of listen leads to another database',
        'no waiter is told when its lock is free',
        'give the URL of the server behind the pooler, with the same database',
      );
  } catch (error) {
    findings.problem(
      'listen',
      `the URL of listen: it ${explain(error).advice}`,
      'the coordinator does not start, or no waiter is told',
      'correct postgres.listen (COORDINATION_POSTGRES_LISTEN)',
    );
  }
}
