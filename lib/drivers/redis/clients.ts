import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import type { RedisNodeOptions } from '../url-query.js';
import type { RedisNodeUrl } from './redis-url.js';

export type RedisClient = Redis | Cluster;

/** What a Sentinel or Cluster client may ask first; each step gets this share of the time to connect. */
const DISCOVERY_STEPS = 3;

/** How long a socket may take to close before it is destroyed, ms: a stopped server never closes its end. */
export const DISCONNECT_TIMEOUT = 50;

/**
 * Makes a client that connects once, when told to, and never again by itself: no retries, no resending. Who uses it
 * makes a new one after a failure, so that nothing of a dead connection lives on.
 */
export function createClient(
  url: RedisNodeUrl,
  options: RedisNodeOptions,
  connectTimeout: number,
  extra: RedisOptions = {},
  purpose: 'commands' | 'messages' = 'commands',
): RedisClient {
  const common: RedisOptions = {
    // RESP2 needs no HELLO: fewer rights for the ACL user, and any version of Redis.
    protocol: 2,
    disableClientInfo: true,
    ...(url.tls && { tls: {} }),
    ...extra,
    ...(url.username !== undefined && { username: url.username }),
    ...(url.password && { password: url.password.reveal() }),
    ...(options.keepAlive !== undefined && { keepAlive: options.keepAlive }),
    ...(options.family !== undefined && { family: options.family }),
    ...(options.connectionName !== undefined && { connectionName: options.connectionName }),
    // Ours covers ready clients too, and is watched without a timer per command.
    commandTimeout: undefined,
    connectTimeout,
    disconnectTimeout: DISCONNECT_TIMEOUT,
    retryStrategy: () => null,
    lazyConnect: true,
    // The scripts are tried on every new connection, which checks more than INFO does.
    enableReadyCheck: false,
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableAutoPipelining: false,
    stringNumbers: false,
  };
  if (url.topology === 'cluster') {
    return new Cluster([...url.seeds], {
      lazyConnect: true,
      clusterRetryStrategy: () => null,
      slotsRefreshTimeout: connectTimeout / DISCOVERY_STEPS,
      // With TLS the certificate is checked against the name that the cluster announces, not against its address.
      ...(url.tls && { dnsLookup: (address, callback) => callback(null, address) }),
      redisOptions: common,
      ...(purpose === 'messages' && shardedSubscribers(common)),
    });
  }
  const single: RedisOptions = { ...common, enableOfflineQueue: false, db: url.db || (extra.db ?? 0) };
  if (url.topology === 'single') return new Redis({ ...single, host: url.host, port: url.port });
  return new Redis({
    ...single,
    sentinels: url.sentinels.map(({ host, port }) => ({ host, port })),
    name: url.masterName,
    sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: connectTimeout / DISCOVERY_STEPS,
    connectTimeout: connectTimeout / DISCOVERY_STEPS,
    enableTLSForSentinelMode: url.tls,
    ...(url.tls && { sentinelTLS: common.tls }),
    ...(options.sentinelUsername !== undefined && { sentinelUsername: options.sentinelUsername }),
    ...(options.sentinelPassword && { sentinelPassword: options.sentinelPassword.reveal() }),
  });
}

/** One connection to each server whose channels are wanted. The scripts, too, take the names of channels as they are. */
function shardedSubscribers(options: ClusterOptions['redisOptions']): ClusterOptions {
  return { shardedSubscribers: true, keyPrefix: '', redisOptions: { ...options, keyPrefix: '' } };
}

/** By its own word: the application may use another copy of ioredis, whose classes are not ours. */
export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/** A second connection like the caller's own client, for subscribing; ours to close. */
export function duplicateClient(client: RedisClient): RedisClient {
  if (isCluster(client)) {
    return client.duplicate([], {
      lazyConnect: true,
      clusterRetryStrategy: () => null,
      ...shardedSubscribers(client.options.redisOptions),
    });
  }
  return client.duplicate({
    lazyConnect: true,
    disconnectTimeout: DISCONNECT_TIMEOUT,
    retryStrategy: () => null,
    maxRetriesPerRequest: null,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
  });
}
