import type { Findings } from '../finding.js';
import type { ServerFacts } from './node-facts.js';

/** The options that a server is checked against. */
export interface Expected {
  readonly topology: 'single' | 'sentinel' | 'shard';
  /** The option `redis.persistent`. */
  readonly persistent: boolean;
  /** The option `redis.quarantine`. */
  readonly quarantine: boolean;
  /** The longest lease, ms. */
  readonly longestTtl: number;
  readonly tls: boolean;
  readonly host: string;
  readonly hasPassword: boolean;
}

/** From this share of `maxmemory` on, a server is nearly full. */
const NEARLY_FULL = 0.9;

const OLDEST = 6;

/** Reports the facts of a server, and what they mean. @returns whether locks can be taken on it */
export function tellServer(findings: Findings, facts: ServerFacts, expected: Expected): boolean {
  tellVersion(findings, facts);
  tellEncryption(findings, expected);
  const usable = tellRole(findings, facts, expected);
  const keeps = tellEviction(findings, facts);
  tellMemory(findings, facts);
  tellPersistence(findings, facts, expected);
  tellReplicas(findings, facts, expected);
  return usable && keeps;
}

function tellVersion(findings: Findings, { info }: ServerFacts): void {
  const valkey = info.get('valkey_version');
  const version = valkey ?? info.get('redis_version') ?? '?';
  const what = `${valkey === undefined ? 'Redis' : 'Valkey'} ${version}, up for ${info.get('uptime_in_seconds') ?? '?'} s`;
  if (valkey === undefined && Number.parseInt(version, 10) < OLDEST)
    findings.problem(
      'version',
      what,
      'the scripts need commands that it does not have',
      'use Redis 6 or later, or Valkey',
    );
  else findings.ok('version', what);
}

function tellRole(findings: Findings, { info }: ServerFacts, { topology }: Expected): boolean {
  if (info.get('loading') === '1') {
    findings.problem(
      'role',
      'it is still loading its data set',
      'it answers nothing until then',
      'wait, and run this again',
    );
    return false;
  }
  if (info.get('role') !== 'master') {
    findings.problem(
      'role',
      `it is a replica of ${info.get('master_host') ?? '?'}:${info.get('master_port') ?? '?'}`,
      'a replica takes no writes, and has no vote',
      'give the address of the master, or use redis+sentinel:// or redis+cluster://',
    );
    return false;
  }
  if (topology !== 'shard' && info.get('cluster_enabled') === '1') {
    findings.problem(
      'role',
      'it is a server of a Redis Cluster',
      'most locks belong to the other servers',
      'use redis+cluster:// instead of redis://',
    );
    return false;
  }
  findings.ok('role', topology === 'single' ? 'it is a master by itself' : 'it is a master');
  return true;
}

function tellEviction(findings: Findings, { info }: ServerFacts): boolean {
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  const limit = Number(info.get('maxmemory') ?? 0);
  if (policy === 'noeviction') {
    findings.ok('eviction', 'it evicts no key (maxmemory-policy noeviction)');
    return true;
  }
  if (limit === 0) {
    findings.note(
      'eviction',
      `maxmemory-policy is ${policy}, and there is no maxmemory`,
      'with a maxmemory it could evict a held lock, and is then refused',
      'set maxmemory-policy noeviction',
    );
    return true;
  }
  findings.problem(
    'eviction',
    `it may evict held locks when its memory is full (maxmemory-policy ${policy})`,
    'the node is refused, as two replicas could hold a lock',
    'set maxmemory-policy noeviction, or use a server of its own for locks',
  );
  return false;
}

function tellMemory(findings: Findings, { info }: ServerFacts): void {
  const [used, limit] = [Number(info.get('used_memory') ?? 0), Number(info.get('maxmemory') ?? 0)];
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  if (limit === 0)
    findings.ok(
      'memory',
      `${mib(used)} used, no limit (${mib(Number(info.get('total_system_memory') ?? 0))} in the machine)`,
    );
  else if (used < NEARLY_FULL * limit) findings.ok('memory', `${mib(used)} of ${mib(limit)} used`);
  else
    findings.warning(
      'memory',
      `${mib(used)} of ${mib(limit)} used`,
      'a Redis that is full grants no new lock (OOM); held ones go on',
      'raise maxmemory, or delete what is not needed',
    );
}

function tellPersistence(findings: Findings, { info, config }: ServerFacts, expected: Expected): void {
  const { persistent, quarantine, longestTtl, topology } = expected;
  if (topology !== 'single') return;
  const aof = info.get('aof_enabled') === '1';
  const fsync = config.get('appendfsync');
  const how = aof ? `append-only file, appendfsync ${fsync ?? 'unknown'}` : 'no append-only file';
  if (!persistent) {
    if (quarantine)
      findings.ok(
        'persistence',
        `${how}: after a restart it grants nothing for ${longestTtl} ms, which is safe`,
      );
    else
      findings.warning(
        'persistence',
        `${how}, and redis.quarantine is false`,
        'after a restart two replicas may hold a lock',
        'leave quarantine out, except in development and CI',
      );
    return;
  }
  const todo = 'set appendonly yes and appendfsync always, or leave redis.persistent out';
  const means =
    'redis.persistent says that no write is lost; when one is, two replicas may hold a lock after a restart';
  if (!aof || (fsync !== undefined && fsync !== 'always'))
    findings.problem('persistence', `redis.persistent is true, and it has ${how}`, means, todo);
  else if (fsync === undefined)
    findings.note(
      'persistence',
      `${how}: the user may not look (CONFIG GET)`,
      means,
      'see that appendfsync is always',
    );
  else findings.ok('persistence', how);
}

function tellReplicas(findings: Findings, { info, config }: ServerFacts, { topology }: Expected): void {
  const replicas = Number(info.get('connected_slaves') ?? 0);
  const needed = Number(config.get('min-replicas-to-write') ?? 0);
  const good = Number(info.get('min_slaves_good_slaves') ?? replicas);
  if (needed > good)
    findings.problem(
      'replicas',
      `${good} replicas follow it, and it takes writes with ${needed} at least (min-replicas-to-write)`,
      'it takes no lock (NOREPLICAS)',
      'bring the replicas back, or lower min-replicas-to-write',
    );
  else if (topology === 'sentinel' && config.has('min-replicas-to-write') && needed === 0)
    findings.warning(
      'replicas',
      `${replicas} replicas follow it, and min-replicas-to-write is 0`,
      'a master that is cut off goes on granting locks, beside the one that was promoted',
      'set min-replicas-to-write 1 and min-replicas-max-lag 10',
    );
  else if (replicas > 0 && topology === 'single')
    findings.note(
      'replicas',
      `${replicas} replicas follow it`,
      'one that is promoted by hand may lack the last leases: replication is asynchronous',
      'stop all replicas of the application for one ttl when you promote one',
    );
  else findings.ok('replicas', `${replicas} replicas follow it`);
}

function tellEncryption(findings: Findings, { tls, host, hasPassword }: Expected): void {
  if (tls) findings.ok('tls', 'the connection is encrypted');
  else if (isLocal(host)) findings.ok('tls', 'the connection is not encrypted, and stays on this machine');
  else if (hasPassword)
    findings.warning(
      'tls',
      'the connection is not encrypted',
      'the password goes over the network as it is',
      'use rediss://, or see that no other host can read that network',
    );
  else
    findings.note(
      'tls',
      'the connection is not encrypted',
      'a reader of that network sees the names of locks',
    );
}

export function isLocal(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.') || host.startsWith('/');
}
