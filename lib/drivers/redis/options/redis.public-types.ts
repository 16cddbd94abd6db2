import type { RedisOptions } from 'ioredis';
import type { Duration } from '../../../common/duration.js';

/**
 * A user name or a password: the text, or a function that is asked for it at each connect.
 * @publicApi
 */
export type Credential = string | (() => string | Promise<string>);

/**
 * ioredis options. User and password may be functions: they are asked at each connect, so that a password can be changed without a
 * restart, and go before those in the URL.
 * @publicApi
 */
export interface RedisConnectionOptions extends Omit<
  RedisOptions,
  'username' | 'password' | 'Connector' | 'sentinelTLS'
> {
  /** A class of ioredis', of which each version has its own. */
  readonly Connector?: unknown;
  /** As `tls`, for the sentinels. */
  readonly sentinelTLS?: object | undefined;
  /** The ACL user of Redis; goes before the one in the URL. */
  readonly username?: Credential | undefined;
  /** Goes before the one in the URL. Never shown. */
  readonly password?: Credential | undefined;
}

/**
 * A ready ioredis client, Redis or Cluster, by what is used of it: those of ioredis 4, 5 and 6 have classes of their own.
 * @publicApi
 */
export interface ReadyRedisClient {
  /** What the connection is doing: `ready`, `end`, … */
  readonly status: string;
  /** The options that it was made with. */
  readonly options: object;
  /** Runs a script by its digest. */
  evalsha(...args: never[]): unknown;
  /** Makes another client with the same options. */
  duplicate(...args: never[]): unknown;
}

/**
 * The options of `redis`. `maxTtl`, `persistent`, `quarantine` and `nodeList` may be in the query of the URL too.
 * @publicApi
 */
export interface RedisBackendOptions {
  /** ioredis options for every node of the URL, of which `username` and `password` may be functions, asked at each connect. */
  readonly options?: RedisConnectionOptions | undefined;
  /** Ready ioredis clients, one per node, instead of a URL. They are never closed. */
  readonly clients?: ReadyRedisClient | readonly ReadyRedisClient[] | undefined;
  /**
   * No lease may be longer, and so long a node that has restarted grants nothing. Default: the longest ttl that this replica
   * has asked for; give it on every replica where some lock has a ttl above `ttl`.
   */
  readonly maxTtl?: Duration | undefined;
  /**
   * Every node keeps every write over a restart (`appendfsync always`), so that none is sat out; default false. The same on
   * every replica: one that gives it vouches for the nodes before all others.
   */
  readonly persistent?: boolean | undefined;
  /**
   * false: a node that has restarted, was emptied, or is new grants locks at once, so that two holders of a lock are possible
   * after a restart. For tests and development, where a Redis has just been started. Default: true.
   */
  readonly quarantine?: boolean | undefined;
  /** A name for the list of nodes, where replicas reach the same nodes under different addresses. */
  readonly nodeList?: string | undefined;
  /**
   * Maps a prefixed lock name to its Redis key; default `coordination:lock:` + the name. Has to be a pure function: the same
   * key for a name each time, on every replica. It is called once for each acquisition.
   */
  readonly lockKey?: ((name: string) => string) | undefined;
}
