import { msOf } from '../../../common/duration.js';
import {
  nodeName,
  nodeOptionsOf,
  parseRedisUrls,
  type RedisBackendOptions,
  type RedisNodeUrl,
} from '../../../drivers/redis/options/index.js';
import { listOfNodes } from '../../../drivers/redis/node/index.js';
import { lockKeyOf } from '../../../drivers/redis/scripts/index.js';
import type { Examined } from '../examined.js';
import type { Finding } from '../finding.js';
import { compareNodes } from './across-nodes.js';
import { examineCluster, examineSentinels } from './deployments.js';
import { examineNode, type NodeContext, type NodeReport } from './examine-node.js';

const CONNECT_TIMEOUT = 3000;

/** Every node by itself, and all of them together. */
export async function examineRedis(examined: Examined): Promise<readonly Finding[]> {
  const options = (examined.options ?? {}) as RedisBackendOptions;
  const nodes = parseRedisUrls(examined.urls);
  const context = contextOf(nodes, options, examined);
  const found = await Promise.all(nodes.map((node) => examineOne(node, context)));
  const reports = found.flatMap(({ report }) => report);
  const compared = reports.length > 1 ? compareNodes(reports).all : [];
  return [...found.flatMap(({ findings }) => findings), ...compared];
}

/** The report of a node with one vote. A Cluster has none, as its servers share the locks out. */
async function examineOne(
  node: RedisNodeUrl,
  context: NodeContext,
): Promise<{ readonly findings: readonly Finding[]; readonly report: readonly NodeReport[] }> {
  if (node.topology === 'cluster') {
    const { findings, masters } = await examineCluster(node, context);
    return { findings: [...findings.all, ...masters.flatMap((master) => master.findings.all)], report: [] };
  }
  const sentinels = node.topology === 'sentinel' ? (await examineSentinels(node, context)).all : [];
  const report = await examineNode(node, context);
  return { findings: [...sentinels, ...report.findings.all], report: [report] };
}

function contextOf(
  nodes: readonly RedisNodeUrl[],
  options: RedisBackendOptions,
  { query, ttl, prefix, clock }: Examined,
): NodeContext {
  const given = nodeOptionsOf(query);
  const { options: redisOptions, maxTtl, persistent = false, quarantine = true, nodeList, lockKey } = options;
  const secrets = [
    ...nodes.map(({ password }) => password?.reveal()),
    given.sentinelPassword?.reveal(),
    redisOptions?.password,
    redisOptions?.sentinelPassword,
  ];
  return {
    clock,
    given,
    options: redisOptions,
    connectTimeout: given.connectTimeout ?? CONNECT_TIMEOUT,
    commandTimeout: given.commandTimeout ?? Math.max(50, Math.min(1000, Math.floor(ttl / 5))),
    secrets: secrets.filter((each): each is string => typeof each === 'string' && each !== ''),
    keyOf: lockKey ?? lockKeyOf,
    prefix,
    scope: lockKey ? '' : prefix,
    list: listOfNodes(nodes.map(nodeName), nodeList),
    ttl,
    expected: { persistent, quarantine, longestTtl: maxTtl === undefined ? ttl : msOf(maxTtl) },
  };
}
