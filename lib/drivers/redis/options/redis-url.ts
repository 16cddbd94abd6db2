import type { BackendUrl } from '../../backend-url.js';
import { Secret } from '../../secret.js';

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

interface Common {
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: Secret;
}

export interface SingleNodeUrl extends Common, HostAndPort {
  readonly topology: 'single';
  readonly db: number;
}

export interface SentinelNodeUrl extends Common {
  readonly topology: 'sentinel';
  readonly sentinels: readonly HostAndPort[];
  readonly masterName: string;
  readonly db: number;
}

export interface ClusterNodeUrl extends Common {
  readonly topology: 'cluster';
  readonly seeds: readonly HostAndPort[];
}

/** The address of one Redlock node: a server, or a Sentinel or Cluster deployment, which has one vote. */
export type RedisNodeUrl = SingleNodeUrl | SentinelNodeUrl | ClusterNodeUrl;

export const REDIS_SCHEMES = [
  'redis',
  'rediss',
  'redis+sentinel',
  'rediss+sentinel',
  'redis+cluster',
  'rediss+cluster',
  // The schemes of Valkey, which a client treats as Redis.
  'valkey',
  'valkeys',
  'valkey+sentinel',
  'valkeys+sentinel',
  'valkey+cluster',
  'valkeys+cluster',
] as const;

const ENCODE_HINT = 'percent-encode the characters : / ? # @ , % in user and password';

/**
 * The nodes of a back end. Nothing that may be part of a password is ever quoted.
 * @throws an Error with one line that says what is wrong and what to do
 */
export function parseRedisUrls(urls: readonly BackendUrl[]): readonly RedisNodeUrl[] {
  const nodes = urls.flatMap(({ scheme, rest }) => {
    if (!rest.startsWith('//')) throw new Error(`a host is missing; write ${scheme}://host:6379`);
    return parseRedisUrl(scheme, rest.slice(2));
  });
  checkNodes(nodes);
  return nodes;
}

function checkNodes(nodes: readonly RedisNodeUrl[]): void {
  const seen = new Set<string>();
  for (const name of nodes.map(nodeName)) {
    if (seen.has(name)) throw new Error(`the node ${name} is listed twice; list each node once`);
    seen.add(name);
  }
  if (nodes.length % 2 === 0) {
    throw new Error(`${nodes.length} nodes: an even number adds no safety; list 1, 3 or 5 independent nodes`);
  }
}

/** Reads the part between `scheme://` and the query. */
function parseRedisUrl(scheme: string, rest: string): RedisNodeUrl[] {
  const slash = rest.indexOf('/');
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? '' : rest.slice(slash + 1);
  if (path.includes('@')) throw new Error(`there is an "@" after the first "/"; ${ENCODE_HINT}`);
  const at = authority.lastIndexOf('@');
  // In `:p@h1,:p@h2` everything up to the last "@" would count as one password.
  if (at >= 0 && /[@,]/.test(authority.slice(0, at))) {
    throw new Error(
      `there is an "@" or "," in user or password; ${ENCODE_HINT}. For several nodes give user and password once, before the first host, or a list of whole URLs`,
    );
  }
  const common = {
    tls: /^(redis|valkey)s/.test(scheme),
    ...credentials(at < 0 ? '' : authority.slice(0, at)),
  };
  const topology = scheme.split('+')[1] ?? 'single';
  const hosts = hostList(authority.slice(at + 1), topology === 'sentinel' ? 26379 : 6379);

  if (topology === 'cluster') {
    if (path !== '' && path !== '0')
      throw new Error('a Redis Cluster has only database 0; leave the path away');
    return [{ topology, ...common, seeds: hosts }];
  }
  if (topology === 'sentinel') {
    const [masterName = '', db = '', ...more] = path.split('/').map(decode);
    if (masterName === '' || more.length > 0) {
      throw new Error(`the master's name is missing; write ${scheme}://host:26379/master-name[/db]`);
    }
    return [{ topology, ...common, sentinels: hosts, masterName, db: database(db) }];
  }
  const db = database(path);
  return hosts.map((host) => ({ topology: 'single', ...common, ...host, db }));
}

function credentials(text: string): { username?: string; password?: Secret } {
  if (text === '') return {};
  const colon = text.indexOf(':');
  const username = decode(colon < 0 ? text : text.slice(0, colon));
  const password = colon < 0 ? '' : decode(text.slice(colon + 1));
  return { ...(username && { username }), ...(password && { password: new Secret(password) }) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // The URIError would quote the text, which may be the password.
    throw new Error(`a "%" is not followed by two hexadecimal digits; ${ENCODE_HINT}`);
  }
}

function hostList(text: string, defaultPort: number): HostAndPort[] {
  return text.split(',').map((entry) => hostAndPort(entry.trim(), defaultPort));
}

function hostAndPort(entry: string, defaultPort: number): HostAndPort {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:[\]\s]+))(?::(.*))?$/.exec(entry);
  if (!match) {
    if (entry === '' || /^:(?!:)/.test(entry)) throw new Error('a host is missing; write redis://host:6379');
    throw new Error(`cannot read the host ${JSON.stringify(entry)}; write host:port, or [::1]:port for IPv6`);
  }
  const host = (match[1] ?? match[2] ?? '').toLowerCase();
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  if (match[3] !== undefined && (!/^\d{1,5}$/.test(match[3]) || port < 1 || port > 65_535)) {
    throw new Error(`the port of host ${JSON.stringify(host)} has to be a number from 1 to 65535`);
  }
  return { host, port };
}

function database(text: string): number {
  if (text === '') return 0;
  if (!/^\d{1,9}$/.test(text)) {
    throw new Error(`the database ${JSON.stringify(text)} has to be a number, as in redis://host:6379/0`);
  }
  return Number(text);
}

export function formatHost({ host, port }: HostAndPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The node's name in logs and errors: without user and password. */
export function nodeName(node: RedisNodeUrl): string {
  if (node.topology === 'single') return formatHost(node);
  if (node.topology === 'sentinel')
    return `sentinel ${node.masterName} (${node.sentinels.map(formatHost).join(', ')})`;
  return `cluster (${node.seeds.map(formatHost).join(', ')})`;
}
