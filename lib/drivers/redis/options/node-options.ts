import { msOf } from '../../../common/duration.js';
import { Secret } from '../../secret.js';

/** Options of the connections to the Redis nodes, from the query of the URL. Times are in ms. */
export interface RedisNodeOptions {
  /** How long one command may take before its node counts as down; default `min(1000, ttl / 5)`, at least 50. */
  readonly commandTimeout?: number;
  /** How long a connect may take, from the first packet until Redis has answered; default 3000. */
  readonly connectTimeout?: number;
  /** TCP probes the connection after this many ms of silence; default 30 000. */
  readonly keepAlive?: number;
  /** 4 or 6 to use one version of IP only; default 0, both. */
  readonly family?: number;
  /** The name that CLIENT LIST shows. */
  readonly connectionName?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: Secret;
}

type NodeReader = (value: string, key: string) => number | string | Secret;

const LONGEST = 2 ** 31 - 1;

const NODE_READERS: Readonly<Record<keyof RedisNodeOptions, NodeReader>> = {
  commandTimeout: (value, key) => duration(value, key, 1),
  connectTimeout: (value, key) => duration(value, key, 1),
  keepAlive: (value, key) => duration(value, key, 0),
  family: (value) => {
    if (value !== '0' && value !== '4' && value !== '6') throw new Error('family has to be 0, 4 or 6');
    return Number(value);
  },
  connectionName: (value) => value,
  sentinelUsername: (value) => value,
  sentinelPassword: (value) => new Secret(value),
};

export const NODE_KEYS: readonly string[] = Object.keys(NODE_READERS);

/** @throws an Error that quotes no value: it may be secret */
export function nodeOptionsOf(query: ReadonlyMap<string, string>): RedisNodeOptions {
  const options: Partial<Record<keyof RedisNodeOptions, number | string | Secret>> = {};
  for (const [key, value] of query) {
    if (isNodeKey(key)) options[key] = NODE_READERS[key](value, key);
  }
  return options as RedisNodeOptions;
}

function isNodeKey(key: string): key is keyof RedisNodeOptions {
  return Object.hasOwn(NODE_READERS, key);
}

function duration(value: string, key: string, least: number): number {
  const ms = msOf(value);
  if (!Number.isInteger(ms) || ms < least || ms > LONGEST) {
    throw new Error(
      `${key} has to be a whole number of milliseconds, at least ${least}, or text such as 200ms or 3s`,
    );
  }
  return ms;
}
