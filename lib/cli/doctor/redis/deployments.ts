import type { Redis } from 'ioredis';
import { createClient } from '../../../drivers/redis/connection/index.js';
import { cleanError, explain } from '../../../drivers/redis/errors/index.js';
import { rangesIn, type SlotRange } from '../../../drivers/redis/node/index.js';
import {
  type ClusterNodeUrl,
  formatHost,
  type HostAndPort,
  nodeName,
  type SentinelNodeUrl,
  type SingleNodeUrl,
} from '../../../drivers/redis/options/index.js';
import { SLOTS } from '../../../drivers/redis/scripts/index.js';
import { Findings } from '../finding.js';
import { within } from '../measure.js';
import { connected } from './connected.js';
import { examineNode, type NodeContext, type NodeReport } from './examine-node.js';

/** Fewer sentinels cannot agree on anything once one of them is gone. */
const FEWEST_SENTINELS = 3;

type Asked<T> = { readonly value: T } | { readonly failed: string };

/** Asks one server something over a connection of its own. */
async function ask<T>(
  url: SingleNodeUrl,
  { given, options, connectTimeout, secrets }: NodeContext,
  question: (client: Redis) => Promise<T>,
): Promise<Asked<T>> {
  const client = createClient(url, given, connectTimeout, options as object);
  try {
    await connected(client, connectTimeout);
    return { value: await within(question(client)) };
  } catch (error) {
    return { failed: explain(cleanError(error, secrets)) };
  } finally {
    client.disconnect();
  }
}

/** Each sentinel, and whether they name one master. */
export async function examineSentinels(url: SentinelNodeUrl, context: NodeContext): Promise<Findings> {
  const findings = new Findings(nodeName(url));
  const { given, options } = context;
  const at = ({ host, port }: HostAndPort): SingleNodeUrl => {
    const { tls } = url;
    return { topology: 'single', tls, host, port, db: 0, username: undefined, password: undefined };
  };
  // A coordinator reaches the sentinels in this way.
  const tls = options?.sentinelTLS ?? (url.tls ? options?.tls : undefined);
  const username = given.sentinelUsername ?? options?.sentinelUsername;
  const password = given.sentinelPassword?.reveal() ?? options?.sentinelPassword;
  const plain = {
    ...context,
    options: { ...(tls && { tls }), ...(username && { username }), ...(password && { password }) },
  };
  const masters = await Promise.all(
    url.sentinels.map(async (sentinel) => {
      const answer = await ask(at(sentinel), plain, (client) =>
        client.call('sentinel', 'get-master-addr-by-name', url.masterName),
      );
      if ('value' in answer && Array.isArray(answer.value)) return answer.value.join(':');
      const why = 'failed' in answer ? answer.failed : `knows no master ${url.masterName}`;
      findings.warning(
        'sentinels',
        `the sentinel ${formatHost(sentinel)} is of no use: ${why}`,
        'a failover may need it, and a replica that starts while the others are away finds no master',
        'start it, or correct its address',
      );
      return undefined;
    }),
  );
  const named = new Set(masters.filter((master) => master !== undefined));
  if (named.size > 1)
    findings.problem(
      'sentinels',
      `the sentinels name different masters: ${[...named].join(', ')}`,
      'replicas may take their locks at two servers',
      'wait for the failover to end, and run this again',
    );
  else if (url.sentinels.length < FEWEST_SENTINELS)
    findings.note(
      'sentinels',
      `the URL has ${url.sentinels.length} of them`,
      'a replica that starts while these are away finds no master',
      `give ${FEWEST_SENTINELS} or more`,
    );
  else if (named.size === 1) findings.ok('sentinels', `${url.sentinels.length} sentinels name one master`);
  return findings;
}

/** The map of a Cluster, and each of its masters. */
export async function examineCluster(
  url: ClusterNodeUrl,
  context: NodeContext,
): Promise<{ readonly findings: Findings; readonly masters: readonly NodeReport[] }> {
  const findings = new Findings(nodeName(url));
  const { tls, username, password } = url;
  const at = (address: HostAndPort): SingleNodeUrl => {
    return { topology: 'single', tls, username, password, ...address, db: 0 };
  };
  const answers = await Promise.all(
    url.seeds.map((seed) => ask(at(seed), context, (client) => client.call('cluster', 'slots'))),
  );
  for (const [index, answer] of answers.entries())
    if ('failed' in answer)
      findings.warning(
        'seeds',
        `the seed ${formatHost(url.seeds[index]!)} is of no use: ${answer.failed}`,
        'a replica that starts while the other seeds are away finds no server',
        'start it, or correct its address',
      );
  const ranges = answers.flatMap((answer, index) =>
    'value' in answer ? [rangesIn(answer.value, url.seeds[index])] : [],
  )[0];
  if (!ranges) {
    findings.problem('seeds', 'no seed answers', 'no lock is granted', 'correct the addresses in the URL');
    return { findings, masters: [] };
  }
  tellSlots(findings, ranges);
  const addresses = new Map(ranges.map(({ master }) => [formatHost(master), master]));
  const masters = await Promise.all(
    [...addresses.values()].map((master) => examineNode(at(master), context, 'shard')),
  );
  return { findings, masters };
}

function tellSlots(findings: Findings, ranges: readonly SlotRange[]): void {
  const covered = ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  const masters = new Set(ranges.map(({ master }) => formatHost(master))).size;
  const what = `${covered} of ${SLOTS} slots are on ${masters} masters`;
  if (covered === SLOTS) findings.ok('slots', what);
  else
    findings.problem(
      'slots',
      what,
      'the locks of the other slots are refused, or all of them',
      'check the Cluster: redis-cli --cluster check',
    );
}
