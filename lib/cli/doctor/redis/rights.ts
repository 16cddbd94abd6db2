import type { Redis } from 'ioredis';
import { cleanError } from '../../../drivers/redis/errors/index.js';
import { NODE_RECORD } from '../../../drivers/redis/node/index.js';
import {
  counterOf,
  queueOf,
  recordChannelOf,
  recordIndexOf,
  recordKeyOf,
  removedKeyOf,
  sharersOf,
  TURN_CHANNEL,
  waitersOf,
} from '../../../drivers/redis/scripts/index.js';
import type { Findings } from '../finding.js';
import { within } from '../measure.js';

/** A script that no server has. */
const NO_SCRIPT = '0'.repeat(40);

/** One right, and a command that needs it and changes nothing: the keys that it names are not there. */
interface Probe {
  readonly right: string;
  readonly try: (client: Redis, key: string) => Promise<unknown>;
}

const COMMANDS: readonly Probe[] = [
  { right: '+eval', try: (client) => client.eval('return 1', 0) },
  { right: '+evalsha', try: (client) => client.evalsha(NO_SCRIPT, 0) },
  { right: '+get', try: (client, key) => client.get(key) },
  { right: '+set', try: (client, key) => client.set(key, '', 'PX', 1, 'XX') },
  { right: '+del', try: (client, key) => client.del(key) },
  { right: '+exists', try: (client, key) => client.exists(key) },
  { right: '+pttl', try: (client, key) => client.pttl(key) },
  { right: '+pexpire', try: (client, key) => client.pexpire(key, 1) },
  { right: '+time', try: (client) => client.time() },
  { right: '+info', try: (client) => client.info('server') },
  { right: '+publish', try: (client) => client.publish(TURN_CHANNEL, '') },
  { right: '+zadd', try: (client, key) => client.zadd(key, 'XX', 1, '-') },
  { right: '+zrange', try: (client, key) => client.zrange(key, '0', '0') },
  { right: '+zscore', try: (client, key) => client.zscore(key, '-') },
  { right: '+zrem', try: (client, key) => client.zrem(key, '-') },
  { right: '+zremrangebyscore', try: (client, key) => client.zremrangebyscore(key, 0, 0) },
  { right: '+scan', try: (client) => client.scan(0, 'COUNT', 1) },
];

/** Without these, waiters look by themselves some times a second. */
const MESSAGES: readonly Probe[] = [
  { right: '+subscribe', try: (client) => client.subscribe(TURN_CHANNEL) },
  { right: '+unsubscribe', try: (client) => client.unsubscribe(TURN_CHANNEL) },
];

/** Where the keys of one lock, of records and of a node are; a pattern of an ACL user may leave one of them out. */
function keysFor(key: string, scope: string): readonly string[] {
  return [
    key,
    counterOf(key),
    queueOf(key),
    waitersOf(key),
    sharersOf(key),
    recordKeyOf('members', key),
    recordIndexOf('members'),
    removedKeyOf('members', key),
    NODE_RECORD,
    scope === '' ? NODE_RECORD : `${NODE_RECORD}:${scope}`,
    'coordination:nodes',
  ];
}

export interface RightsContext {
  readonly commands: Redis;
  /** A second connection: one that subscribes can do nothing else. */
  readonly messages: Redis;
  /** A key that no lock has. */
  readonly key: string;
  readonly scope: string;
  readonly ofCluster: boolean;
}

/**
 * Tries each command, key and channel that the driver uses, as the user that it will use: no administrator is needed.
 * @returns whether all that is needed is there
 */
export async function examineRights(findings: Findings, context: RightsContext): Promise<boolean> {
  const { commands, messages, key, scope, ofCluster } = context;
  const missing = await missingOf(commands, COMMANDS, key);
  if (ofCluster) missing.push(...(await missingOf(commands, [CLUSTER_SLOTS], key)));
  // The keys of another slot are at another server.
  if (!missing.includes('+eval') && !ofCluster)
    for (const each of keysFor(key, scope))
      if (await isRefused(commands.eval('return 1', 1, each))) missing.push(`~${each}`);
  const deaf = await missingOf(messages, MESSAGES, key);
  if (missing.length > 0)
    findings.problem(
      'rights',
      `the user may not do all that is needed: missing are ${missing.join(' ')}`,
      'the coordinator does not start',
      'give the user the whole ACL SETUSER line of docs/redis.md, "Rights"',
    );
  if (deaf.length > 0)
    findings.warning(
      'rights',
      `the user may not listen: missing are ${deaf.join(' ')}`,
      'a waiter is not told that its lock is free, and looks some times a second',
      'give the user the whole ACL SETUSER line of docs/redis.md, "Rights"',
    );
  if (missing.length + deaf.length === 0)
    findings.ok('rights', 'the user may run every command, on every key and channel that is used');
  return missing.length === 0;
}

const CLUSTER_SLOTS: Probe = {
  right: '+cluster|slots',
  try: (client) => client.call('cluster', 'slots'),
};

async function missingOf(client: Redis, probes: readonly Probe[], key: string): Promise<string[]> {
  const missing: string[] = [];
  for (const probe of probes) {
    const refusal = await refusalOf(probe.try(client, key));
    if (refusal === undefined) continue;
    if (/channel/i.test(refusal)) missing.push(`&${TURN_CHANNEL}*`, `&${recordChannelOf('*')}`);
    else missing.push(/\bkeys?\b/i.test(refusal) ? `~${key}` : probe.right);
  }
  return [...new Set(missing)];
}

async function isRefused(answer: Promise<unknown>): Promise<boolean> {
  return (await refusalOf(answer)) !== undefined;
}

/** Why the user may not do it; undefined when it may, whatever else the server says. */
async function refusalOf(answer: Promise<unknown>): Promise<string | undefined> {
  try {
    await within(answer);
    return undefined;
  } catch (error) {
    const { kind, message } = cleanError(error);
    return kind === 'no-permission' ? message : undefined;
  }
}
