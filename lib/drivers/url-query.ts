import { Secret } from './secret.js';

/** The module's options that a back-end URL may carry; the options module checks their values. */
const MODULE_KEYS = [
  'ttl',
  'heartbeat',
  'blocking',
  'stopTimeout',
  'startTimeout',
  'fencing',
  'maxTtl',
  'persistent',
  'nodeList',
  'prefix',
  'agentId',
] as const;

/** Options of the connections to the Redis nodes. Times are in ms. */
export interface RedisNodeOptions {
  /** How long one command may take before its node counts as down; default `min(1000, ttl / 5)`, at least 50. */
  readonly commandTimeout?: number;
  /** How long connecting may take, from the first packet until Redis has answered; default 3000. */
  readonly connectTimeout?: number;
  /** After how many ms of silence TCP probes the connection; default 30 000. */
  readonly keepAlive?: number;
  /** 4 or 6 to use one version of IP only; default 0, both. */
  readonly family?: number;
  /** The name that CLIENT LIST shows. */
  readonly connectionName?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: Secret;
}

export interface UrlQuery {
  readonly moduleQuery: Record<string, string>;
  readonly nodeOptions: RedisNodeOptions;
}

type NodeReader = (value: string, key: string) => number | string | Secret;

const NODE_READERS: Readonly<Record<keyof RedisNodeOptions, NodeReader>> = {
  commandTimeout: (value, key) => wholeNumber(value, key, 1),
  connectTimeout: (value, key) => wholeNumber(value, key, 1),
  keepAlive: (value, key) => wholeNumber(value, key, 0),
  family: (value) => {
    if (value !== '0' && value !== '4' && value !== '6') throw new Error('family has to be 0, 4 or 6');
    return Number(value);
  },
  connectionName: (value) => value,
  sentinelUsername: (value) => value,
  sentinelPassword: (value) => new Secret(value),
};

function wholeNumber(value: string, key: string, least: number): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > 2 ** 31 - 1) {
    throw new Error(`${key} has to be a whole number of milliseconds, at least ${least}`);
  }
  return number;
}

function isModuleKey(key: string): boolean {
  return (MODULE_KEYS as readonly string[]).includes(key);
}

function isNodeKey(key: string): key is keyof RedisNodeOptions {
  return Object.hasOwn(NODE_READERS, key);
}

/** Reads the query strings of one or more URLs of one back end. Values are never quoted: they may be secret. */
export function parseQueries(queries: readonly string[], allowNodeOptions: boolean): UrlQuery {
  const known = [...MODULE_KEYS, ...(allowNodeOptions ? Object.keys(NODE_READERS) : [])];
  const values = new Map<string, string>();
  for (const query of queries) {
    const seen = new Set<string>();
    for (const [key, value] of new URLSearchParams(query)) {
      if (!known.includes(key)) {
        throw new Error(`unknown option ${JSON.stringify(key)} in the query; known are ${known.join(', ')}`);
      }
      if (seen.has(key) || (values.has(key) && values.get(key) !== value)) {
        throw new Error(`the query gives ${key} more than once; give it once`);
      }
      seen.add(key);
      values.set(key, value);
    }
  }
  return split(values);
}

function split(values: ReadonlyMap<string, string>): UrlQuery {
  const moduleQuery: Record<string, string> = {};
  const nodeOptions: Partial<Record<keyof RedisNodeOptions, number | string | Secret>> = {};
  for (const [key, value] of values) {
    if (isModuleKey(key)) moduleQuery[key] = value;
    else if (isNodeKey(key)) nodeOptions[key] = NODE_READERS[key](value, key);
  }
  return { moduleQuery, nodeOptions: nodeOptions as RedisNodeOptions };
}
