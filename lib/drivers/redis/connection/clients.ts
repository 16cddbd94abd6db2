import { type Cluster, Redis, type RedisOptions } from 'ioredis';
import type { HostAndPort, RedisNodeOptions, SentinelNodeUrl, SingleNodeUrl } from '../options/index.js';
import { type Sentinels, SentinelWatch } from './sentinel-watch.js';

export type RedisClient = Redis | Cluster;

/** A Sentinel client may take this many steps before it is connected; each gets this share of the time to connect. */
const DISCOVERY_STEPS = 3;

const LOCAL = '127.0.0.1';
const PORT = 6379;

/** How long a socket may take to close before it is destroyed, ms: a stopped server never closes its end. */
export const DISCONNECT_TIMEOUT = 50;

/**
 * Makes a client that connects once, when told to, and never again by itself: no retries, no resending. The caller makes a new
 * client after a failure, so that nothing of a dead connection lives on.
 *
 * @param extra its user and password win over those of the URL
 */
export function createClient(
  url: SingleNodeUrl | SentinelNodeUrl,
  options: RedisNodeOptions,
  connectTimeout: number,
  extra: RedisOptions = {},
): Redis {
  // An empty text is none, as it comes from a variable that is not set.
  const username = extra.username || url.username;
  const password = extra.password || url.password?.reveal();
  const common: RedisOptions = {
    // RESP2 needs no HELLO: fewer rights for the ACL user, and any version of Redis.
    protocol: 2,
    disableClientInfo: true,
    ...(url.tls && { tls: {} }),
    ...extra,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(options.keepAlive !== undefined && { keepAlive: options.keepAlive }),
    ...(options.family !== undefined && { family: options.family }),
    ...(options.connectionName !== undefined && { connectionName: options.connectionName }),
    // The driver's own time-out covers ready clients too, and needs no timer per command.
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
  const single: RedisOptions = { ...common, enableOfflineQueue: false, db: url.db || (extra.db ?? 0) };
  if (url.topology === 'single') return new Redis({ ...single, host: url.host, port: url.port });
  return new Redis({
    ...single,
    sentinels: url.sentinels.map(({ host, port }) => ({ host, port })),
    name: url.masterName,
    // The driver follows the sentinels itself (SentinelWatch), and learns of another master earlier.
    failoverDetector: false,
    sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: connectTimeout / DISCOVERY_STEPS,
    connectTimeout: connectTimeout / DISCOVERY_STEPS,
    enableTLSForSentinelMode: url.tls,
    ...(url.tls && { sentinelTLS: extra.sentinelTLS ?? common.tls }),
    ...(options.sentinelUsername !== undefined && { sentinelUsername: options.sentinelUsername }),
    ...(options.sentinelPassword && { sentinelPassword: options.sentinelPassword.reveal() }),
  });
}

/**
 * Makes a client of ours end as soon as its sentinels report another master. The watch listens already; undefined for a client without
 * sentinels.
 * @param onRefused called when no sentinel reports, and one has refused to
 * @param onError called with each error of a connection to a sentinel
 */
export function followSentinels(
  client: RedisClient,
  onRefused: (error: unknown) => void,
  onError: (error: unknown) => void,
): SentinelWatch | undefined {
  const sentinels = sentinelsOf(client);
  if (!sentinels) return undefined;
  const watch = new SentinelWatch(sentinels, { onSwitch: () => client.disconnect(), onRefused, onError });
  watch.start();
  return watch;
}

/** Asks the client itself: the application may use another copy of ioredis, whose classes are not ours. */
export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/** A second connection like the application's own client, for subscriptions. The driver closes it. */
export function duplicateClient(client: Redis): RedisClient {
  return client.duplicate({
    lazyConnect: true,
    disconnectTimeout: DISCONNECT_TIMEOUT,
    retryStrategy: () => null,
    maxRetriesPerRequest: null,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
  });
}

/** The servers that a Cluster client knows, and its seeds. */
export function seedsOf(client: Cluster): HostAndPort[] {
  const known = client.nodes().map(({ options: { host = '', port = 0 } }) => ({ host, port }));
  const seeds: unknown = client['startupNodes'];
  return [...known, ...(Array.isArray(seeds) ? seeds.flatMap(seedOf) : [])];
}

/** Reads a seed as ioredis does: a port, a URL, or host and port. */
function seedOf(seed: unknown): HostAndPort[] {
  if (typeof seed === 'number') return [{ host: LOCAL, port: seed }];
  if (typeof seed === 'string') {
    if (/^\d+$/.test(seed)) return [{ host: LOCAL, port: Number(seed) }];
    const { hostname, port } = new URL(seed.includes('://') ? seed : `redis://${seed}`);
    return [{ host: hostname, port: Number(port) || PORT }];
  }
  if (typeof seed !== 'object' || seed === null) return [];
  const { host, port } = seed as { host?: unknown; port?: unknown };
  return [{ host: typeof host === 'string' ? host : LOCAL, port: Number(port) || PORT }];
}

/** A connection to one server of a Cluster, made as that client would make it. The driver closes it. */
export function serverClient(client: Cluster, told: HostAndPort, extra: RedisOptions): Redis {
  const { natMap, redisOptions, keyPrefix } = client.options;
  const id = `${told.host}:${told.port}`;
  const { host, port } = (typeof natMap === 'function' ? natMap(id) : natMap?.[id]) ?? told;
  const known = client.nodes().find(({ options }) => options.host === host && options.port === port);
  return new Redis({
    ...redisOptions,
    ...known?.options,
    keyPrefix,
    host,
    port,
    db: 0,
    readOnly: false,
    protocol: 2,
    commandTimeout: undefined,
    disconnectTimeout: DISCONNECT_TIMEOUT,
    retryStrategy: () => null,
    reconnectOnError: null,
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableAutoPipelining: false,
    stringNumbers: false,
    ...extra,
  });
}

/**
 * The sentinels of a client, and how it reaches them. The client's own `failoverDetector` is not enough: it listens for the later message
 * alone, and new clients use the new master before that.
 */
export function sentinelsOf(client: RedisClient): Sentinels | undefined {
  if (isCluster(client)) return undefined;
  const { sentinels, name, sentinelUsername, sentinelPassword, sentinelTLS, family } = client.options;
  if (!sentinels || !name) return undefined;
  return {
    addresses: sentinels,
    masterName: name,
    options: {
      disconnectTimeout: DISCONNECT_TIMEOUT,
      ...(family !== undefined && { family }),
      ...(sentinelTLS && { tls: sentinelTLS }),
      ...(sentinelUsername && { username: sentinelUsername }),
      ...(sentinelPassword && { password: sentinelPassword }),
    },
  };
}
