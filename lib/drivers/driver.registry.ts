import type { Cluster, Redis } from 'ioredis';
import { parseBackendUrl } from './backend-url.js';
import type { Driver, DriverContext } from './driver.js';
import { FileDriver } from './file/file.driver.js';
import { MemoryDriver } from './memory/memory.driver.js';
import {
  type ReadyRedisClient,
  type RedisConnectionOptions,
  RedisDriver,
  type RedisDriverSettings,
} from './redis/index.js';

/** What a coordinator adds to the context of its driver. */
export interface DriverFactoryContext extends DriverContext {
  /** The coordinator's lease time, ms. */
  readonly ttl: number;
  readonly prefix: string;
  /** What is assumed of Redis nodes. */
  readonly nodes?: Pick<RedisDriverSettings, 'maxTtl' | 'persistent' | 'nodeList'>;
}

export type DriverFactory = (context: DriverFactoryContext) => Driver;

/** What is ours among the options of Redis. */
export interface RedisSafety {
  /**
   * false: a node that has restarted, was emptied, or is new grants locks at once, so that two holders of a lock are possible after a
   * restart. For tests and development, where a Redis has just been started. Default: true.
   */
  readonly quarantine?: boolean | undefined;
}

/** Ready ioredis clients, one per node. */
export interface RedisClients extends RedisSafety {
  readonly clients: ReadyRedisClient | readonly ReadyRedisClient[];
}

export type RedisChoice =
  (RedisConnectionOptions & RedisSafety) | RedisClients | ReadyRedisClient | readonly ReadyRedisClient[];

export interface BackendChoice {
  readonly url?: string | readonly string[];
  readonly redis?: RedisChoice;
  readonly lockKey?: (name: string) => string;
}

export interface Backend {
  /** Options of the coordinator that came with the URL, as text. */
  readonly query: Readonly<Record<string, string>>;
  readonly create: DriverFactory;
}

/**
 * Chooses the driver by the URL's scheme, or Redis for ready clients.
 * @throws an Error with one line that says what is wrong with the URL; it names no secret
 */
export function driverFactory({ url, redis: choice, lockKey }: BackendChoice): Backend {
  const { redis, quarantine } = takeApart(choice);
  const clients = readyClients(redis);
  const settingsFor = ({ ttl, prefix, nodes }: DriverFactoryContext): RedisDriverSettings => ({
    ...nodes,
    ttl,
    prefix,
    quarantine,
    keyOf: lockKey,
  });
  if (clients) {
    if (url !== undefined) throw new Error('give a URL or ready ioredis clients in "redis", not both');
    return {
      query: {},
      create: (context) => new RedisDriver(clients, settingsFor(context), context),
    };
  }
  if (url === undefined)
    throw new Error('a URL is missing; "redis" holds options, which need a URL beside them');
  const parsed = parseBackendUrl(url);
  if (redis !== undefined && parsed.kind !== 'redis') {
    throw new Error(`"redis" is given, but the URL is a ${parsed.kind}: URL; leave one of the two out`);
  }
  const query = parsed.moduleQuery;
  if (parsed.kind === 'memory')
    return { query, create: (context) => new MemoryDriver(parsed.space, context) };
  if (parsed.kind === 'file') {
    return { query, create: (context) => new FileDriver(parsed.directory, context) };
  }
  const redisOptions = redis as RedisConnectionOptions | undefined;
  const source = { ...parsed.nodeOptions, nodes: parsed.nodes };
  return {
    query,
    create: (context) => new RedisDriver(source, { ...settingsFor(context), redisOptions }, context),
  };
}

/** What is for ioredis, and what is ours. */
function takeApart(redis: RedisChoice | undefined): {
  redis: RedisConnectionOptions | RedisClients['clients'] | undefined;
  quarantine?: boolean | undefined;
} {
  if (redis === undefined || isList(redis) || isClient(redis)) return { redis };
  if (!('quarantine' in redis) && !('clients' in redis)) return { redis };
  const { quarantine, ...rest } = redis;
  if (quarantine !== undefined && typeof quarantine !== 'boolean')
    throw new Error('"redis.quarantine" (COORDINATION_REDIS_QUARANTINE) must be true or false');
  if (!('clients' in rest)) return { redis: Object.keys(rest).length === 0 ? undefined : rest, quarantine };
  const { clients, ...others } = rest;
  if (Object.keys(others).length > 0)
    throw new Error('"redis" holds clients, which bring their options with them; leave the others out');
  return { redis: isList(clients) ? clients : [clients], quarantine };
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

/** ioredis clients are told from options by what they can do: another copy of ioredis has other classes. */
function readyClients(
  redis: RedisConnectionOptions | RedisClients['clients'] | undefined,
): readonly (Redis | Cluster)[] | undefined {
  if (redis === undefined) return undefined;
  const list: readonly unknown[] = Array.isArray(redis) ? redis : [redis];
  const clients = list.filter(isClient);
  if (clients.length === 0 && !Array.isArray(redis)) return undefined;
  if (clients.length !== list.length || clients.length === 0) {
    throw new Error('"redis" must be ioredis options or a list of ioredis clients');
  }
  if (clients.length % 2 === 0) {
    throw new Error(
      `"redis" lists ${clients.length} clients: an even number of nodes adds no safety; give 1, 3 or 5`,
    );
  }
  return clients;
}

function isClient(value: unknown): value is Redis | Cluster {
  return (
    typeof value === 'object' && value !== null && 'evalsha' in value && typeof value.evalsha === 'function'
  );
}
