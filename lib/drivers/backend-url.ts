import { fileURLToPath } from 'node:url';
import { nodeName, parseRedisUrl, REDIS_SCHEMES, type RedisNodeUrl } from './redis/connection/redis-url.js';
import { parseQueries, type RedisNodeOptions } from './url-query.js';

export type { RedisNodeUrl } from './redis/connection/redis-url.js';
export type { RedisNodeOptions } from './url-query.js';

interface WithModuleQuery {
  /** Options of the module that the query gives, not checked yet. */
  readonly moduleQuery: Record<string, string>;
}

/** Where the back end is, as read from `backendUrl`. Holds passwords only as {@link Secret}. */
export type BackendUrl =
  | ({ readonly kind: 'memory'; readonly space: string } & WithModuleQuery)
  | ({ readonly kind: 'file'; readonly directory?: string } & WithModuleQuery)
  | ({
      readonly kind: 'redis';
      readonly nodes: readonly RedisNodeUrl[];
      readonly nodeOptions: RedisNodeOptions;
    } & WithModuleQuery);

interface Parts {
  readonly scheme: string;
  readonly rest: string;
  readonly query: string;
}

const KNOWN_SCHEMES = ['file', 'memory', ...REDIS_SCHEMES];
const KNOWN = `known are ${KNOWN_SCHEMES.map((scheme) => `${scheme}:`).join(', ')}`;

/**
 * Reads a back-end URL, or a list of URLs of Redis nodes.
 *
 * @returns what it says, with every password hidden in a `Secret`
 * @throws an Error with one line that says what is wrong and what to do, and never quotes a password
 *
 * @example
 * parseBackendUrl('redis://app:s3cret@10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379/0?commandTimeout=200')
 */
export function parseBackendUrl(input: string | readonly string[]): BackendUrl {
  const urls = typeof input === 'string' ? splitList(input) : input.flatMap(splitList);
  const all = urls.map(takeApart);
  const [first] = all;
  if (!first) throw new Error(`is empty; give a URL, ${KNOWN}`);
  if (first.scheme === 'memory' || first.scheme === 'file') {
    if (all.length > 1)
      throw new Error(`a list of URLs is for Redis nodes only; give one ${first.scheme}: URL`);
    const { moduleQuery } = parseQueries([first.query], false);
    return first.scheme === 'memory'
      ? { kind: 'memory', space: memorySpace(first.rest), moduleQuery }
      : { kind: 'file', ...fileDirectory(first.rest), moduleQuery };
  }
  const nodes = all.flatMap(({ scheme, rest }) => {
    if (scheme === 'memory' || scheme === 'file') {
      throw new Error(`a list of URLs is for Redis nodes only; give one ${scheme}: URL`);
    }
    if (!rest.startsWith('//')) throw new Error(`a host is missing; write ${scheme}://host:6379`);
    return parseRedisUrl(scheme, rest.slice(2));
  });
  checkNodes(nodes);
  return {
    kind: 'redis',
    nodes,
    ...parseQueries(
      all.map(({ query }) => query),
      true,
    ),
  };
}

/** A comma separates URLs only where a new `scheme:` follows; otherwise it separates hosts. */
function splitList(text: string): string[] {
  const trimmed = text.trim();
  return trimmed === '' ? [] : trimmed.split(/\s*,\s*(?=[a-z][a-z0-9+.-]*:\/\/|memory:|file:)/i);
}

function takeApart(url: string): Parts {
  const match = /^([a-z][a-z0-9+.-]*):([^?#]*)(?:\?([^#]*))?$/is.exec(url.trim());
  if (!match) {
    if (url.includes('#')) throw new Error('there is a "#" in the URL; write it as %23');
    throw new Error(`is not a URL; begin with a scheme, ${KNOWN}`);
  }
  const scheme = (match[1] ?? '').toLowerCase();
  const rest = match[2] ?? '';
  const query = match[3] ?? '';
  if (!KNOWN_SCHEMES.includes(scheme)) {
    // Without "//" the text before the colon may be a user or a password that lost its scheme.
    const quoted = rest.startsWith('//') || !url.includes('@') ? ` "${scheme}:"` : '';
    throw new Error(`unknown scheme${quoted}; ${KNOWN}`);
  }
  if (query.includes('@')) {
    throw new Error('there is an "@" after the "?"; percent-encode ? and @ in user, password and query');
  }
  return { scheme, rest, query };
}

function memorySpace(rest: string): string {
  const space = rest.replace(/^\/\//, '');
  if (!/^[\w.-]*$/.test(space)) {
    throw new Error('the name of a memory: back end may hold letters, digits, "_", "." and "-" only');
  }
  return space;
}

function fileDirectory(rest: string): { directory?: string } {
  if (rest === '' || rest === '//') return {};
  if (!/^(\/\/)?\/(?!\/)/.test(rest)) {
    throw new Error('a file: URL needs an absolute path, as in file:///var/lib/app/coordination');
  }
  try {
    return { directory: fileURLToPath(`file://${rest.replace(/^\/\//, '')}`) };
  } catch (error) {
    throw new Error('the path of the file: URL cannot be read; percent-encode special characters in it', {
      cause: error,
    });
  }
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

/** What logs call the back end: never with user or password. */
export function describeBackendUrl(url: BackendUrl): string {
  if (url.kind === 'memory') return url.space === '' ? 'memory' : `memory ${url.space}`;
  if (url.kind === 'file') return url.directory === undefined ? 'file' : `file ${url.directory}`;
  const names = url.nodes.map(nodeName);
  return names.length === 1 ? `redis ${names[0]}` : `redis ${names.length} nodes: ${names.join(', ')}`;
}
