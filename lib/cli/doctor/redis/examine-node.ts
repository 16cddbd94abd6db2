import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Clock } from '../../../common/clock.js';
import { createClient } from '../../../drivers/redis/connection/index.js';
import { cleanError, explain } from '../../../drivers/redis/errors/index.js';
import { NodeEpoch, OtherListError, preflight } from '../../../drivers/redis/node/index.js';
import {
  nodeName,
  type RedisConnectionOptions,
  type RedisNodeOptions,
  type SentinelNodeUrl,
  type SingleNodeUrl,
} from '../../../drivers/redis/options/index.js';
import { counterOf, queueOf, sharersOf, waitersOf } from '../../../drivers/redis/scripts/index.js';
import { Findings } from '../finding.js';
import { tellLatency, tellSkew, within } from '../measure.js';
import { connected } from './connected.js';
import { factsOf, type ServerFacts } from './node-facts.js';
import { examineRights } from './rights.js';
import { type Expected, tellServer } from './server-findings.js';

export interface NodeContext {
  readonly clock: Clock;
  /** The options of the connections in the URL. */
  readonly given: RedisNodeOptions;
  /** Options of ioredis. */
  readonly options: RedisConnectionOptions | undefined;
  readonly connectTimeout: number;
  readonly commandTimeout: number;
  /** Passwords, which no message may hold. */
  readonly secrets: readonly string[];
  readonly keyOf: (name: string) => string;
  readonly prefix: string;
  /** The beginning of the locks' keys; '' when that is unknown. */
  readonly scope: string;
  /** Stands for the list of nodes. */
  readonly list: string;
  readonly ttl: number;
  readonly expected: Pick<Expected, 'persistent' | 'quarantine' | 'longestTtl'>;
}

/** The findings at one server, and its facts where it could be asked. */
export interface NodeReport {
  readonly name: string;
  readonly findings: Findings;
  readonly facts?: ServerFacts | undefined;
}

/** @param as `shard` for a server of a Cluster */
export async function examineNode(
  url: SingleNodeUrl | SentinelNodeUrl,
  context: NodeContext,
  as?: 'shard',
): Promise<NodeReport> {
  const name = nodeName(url);
  const findings = new Findings(name);
  const clients: Redis[] = [];
  const connect = async (): Promise<Redis> => {
    const { given, options, connectTimeout } = context;
    const client = createClient(url, given, connectTimeout, options as object);
    clients.push(client);
    return connected(client, connectTimeout);
  };
  try {
    const client = await connect();
    findings.ok('reach', 'it answers');
    const ofCluster = as === 'shard';
    const key = context.keyOf(`${context.prefix}coordination-preflight:${randomUUID()}`);
    const rights = { commands: client, messages: await connect(), key, scope: context.scope, ofCluster };
    const allowed = await examineRights(findings, rights);
    const facts = await factsOf(client, context.clock);
    tellLatency(findings, facts.measured, context.commandTimeout);
    tellSkew(findings, facts.measured);
    const usable = tellServer(findings, facts, {
      ...context.expected,
      topology: as ?? url.topology,
      tls: url.tls,
      host: url.topology === 'single' ? url.host : '',
      hasPassword: url.password !== undefined,
    });
    // The keys of a lock are at one server of a Cluster, which need not be this one.
    if (usable && allowed && !ofCluster) await examineScripts(findings, client, key, context);
    if (usable && allowed && url.topology === 'single' && !ofCluster)
      await examineRecord(findings, client, facts, context);
    return { name, findings, facts };
  } catch (error) {
    findings.problem(
      'reach',
      `it cannot be used: ${explain(cleanError(error, context.secrets))}`,
      'it has no vote, and no lock where it is the only node',
      'see above; then run this again',
    );
    return { name, findings };
  } finally {
    for (const client of clients) client.disconnect();
  }
}

/** Runs each script on a key that no lock has, as a start does. */
async function examineScripts(
  findings: Findings,
  client: Redis,
  key: string,
  { secrets }: NodeContext,
): Promise<void> {
  try {
    await within(preflight(client, key, true));
    findings.ok('scripts', 'every script runs');
  } catch (error) {
    findings.problem(
      'scripts',
      `a script fails: ${explain(cleanError(error, secrets))}`,
      'the coordinator does not start, or its calls fail',
      'correct what the server says',
    );
  } finally {
    const made = [key, counterOf(key), queueOf(key), waitersOf(key), sharersOf(key)];
    // A key that cannot be deleted ends by itself, after a second.
    await Promise.all(made.map((each) => within(client.del(each)).catch(() => undefined)));
  }
}

/** Examines the record that replicas have left on the node: the list of nodes to which it belongs, and since when it remembers. */
async function examineRecord(
  findings: Findings,
  client: Redis,
  { info }: ServerFacts,
  { clock, list, scope, expected, ttl, secrets }: NodeContext,
): Promise<void> {
  const { persistent, quarantine, longestTtl } = expected;
  const epoch = new NodeEpoch({
    clock,
    list,
    scope,
    longestTtl: () => longestTtl,
    ownTtl: ttl,
    persistent,
    quarantine,
    onWait: () => undefined,
  });
  try {
    await epoch.look((how, script, keys, args) => within(client[how](script, keys.length, ...keys, ...args)));
  } catch (error) {
    if (error instanceof OtherListError)
      findings.problem(
        'list',
        `it ${error.message}`,
        'two lists may have quorums without a common node, so it is refused',
        'give every replica the same list',
      );
    else
      findings.problem(
        'list',
        `its record cannot be read: ${explain(cleanError(error, secrets))}`,
        'the coordinator does not start',
        'correct what the server says',
      );
    return;
  }
  const record = (await within(client.get(epoch.key))) ?? '';
  const [run, known, born, , sat] = record.split(' ');
  if (run !== info.get('run_id') || known === '-') {
    findings.ok('list', 'it belongs to no other list of nodes');
    return;
  }
  findings.ok('list', 'it belongs to this list of nodes');
  const age = clock.wall() - Number(born);
  const left = Math.max(Number(sat), ttl) - age;
  if (quarantine && left > 0)
    findings.note(
      'quarantine',
      `it grants nothing for another ${Math.ceil(left)} ms`,
      'it is new, or has restarted, and leases from before may still be held',
    );
}
