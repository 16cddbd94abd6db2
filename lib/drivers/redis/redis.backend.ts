import { msOf } from '../../common/duration.js';
import type { BackendKind } from '../backend-kind.js';
import type { DriverFactoryContext } from '../driver.js';
import type { BackendUrl } from '../backend-url.js';
import { type RedisDriverSettings, type RedisSource } from './connection/index.js';
import {
  NODE_KEYS,
  REDIS_OPTIONS,
  REDIS_SCHEMES,
  type RedisBackendOptions,
  clientsOf,
  nodeOptionsOf,
  parseRedisUrls,
  redisProblems,
} from './options/index.js';

/** `redis://…`, the other schemes of Redis, and ready ioredis clients. */
export const redisBackend: BackendKind = {
  name: 'redis',
  schemes: REDIS_SCHEMES,
  options: REDIS_OPTIONS,
  urlKeys: NODE_KEYS,
  claimedBy(given) {
    const { clients, options } = optionsIn(given);
    if (clients !== undefined) return 'redis.clients';
    return options === undefined ? undefined : 'redis.options';
  },
  problemsOf: redisProblems,
  factoryFor(urls, query, given) {
    const options = optionsIn(given);
    const source = sourceOf(urls, query, options);
    return async (context) => {
      const { RedisDriver } = await import('./redis.driver.js');
      return new RedisDriver(source, settingsOf(options, context), context);
    };
  },
};

function optionsIn(given: unknown): RedisBackendOptions {
  return typeof given === 'object' && given !== null ? given : {};
}

function sourceOf(
  urls: readonly BackendUrl[],
  query: ReadonlyMap<string, string>,
  { clients }: RedisBackendOptions,
): RedisSource {
  if (clients !== undefined) {
    if (urls.length > 0) throw new Error('give a URL, or ready clients in redis.clients, not both');
    return clientsOf(clients);
  }
  if (urls.length === 0) throw new Error('a URL is missing; redis.options need one beside them');
  return { ...nodeOptionsOf(query), nodes: parseRedisUrls(urls) };
}

function settingsOf(options: RedisBackendOptions, context: DriverFactoryContext): RedisDriverSettings {
  const { options: redisOptions, maxTtl, persistent, quarantine, nodeList, lockKey } = options;
  return {
    ttl: context.ttl,
    prefix: context.prefix,
    looksOnly: context.looksOnly,
    redisOptions,
    maxTtl: maxTtl === undefined ? undefined : msOf(maxTtl),
    persistent,
    quarantine,
    nodeList,
    keyOf: lockKey,
  };
}
