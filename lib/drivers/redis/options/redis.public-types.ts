import type { RedisOptions } from 'ioredis';
import type { Duration } from '../../../common/duration.js';

/**
 * A user name or a password: the text, or a function that the driver calls at each connect.
 * @publicApi
 */
export type Credential = string | (() => string | Promise<string>);

/**
 * ioredis options. User and password may be functions, which the driver calls at each connect: a password can then change without a
 * restart. They win over those in the URL.
 * @publicApi
 */
export interface RedisConnectionOptions extends Omit<
  RedisOptions,
  'username' | 'password' | 'Connector' | 'sentinelTLS'
> {
  /** A class of ioredis; each version of ioredis has its own. */
  readonly Connector?: unknown;
  /** As `tls`, for the sentinels. */
  readonly sentinelTLS?: object | undefined;
  /** The ACL user of Redis; wins over the one in the URL. */
  readonly username?: Credential | undefined;
  /** The password; wins over the one in the URL. Never shown. */
  readonly password?: Credential | undefined;
}

/**
 * A ready ioredis client, Redis or Cluster: the part that this package uses. ioredis 4, 5 and 6 have classes of their own.
 * @publicApi
 */
export interface ReadyRedisClient {
  /** The state of the connection: `ready`, `end`, … */
  readonly status: string;
  /** The options that the client was made with. */
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
  /** ioredis options for every node of the URL. `username` and `password` may be functions, which the driver calls at each connect. */
  readonly options?: RedisConnectionOptions | undefined;
  /** Ready ioredis clients, one per node, instead of a URL. The driver never closes them. */
  readonly clients?: ReadyRedisClient | readonly ReadyRedisClient[] | undefined;
  /**
   * The longest lease allowed. A restarted node grants nothing for this long. Default: the longest ttl that this replica has asked for.
   * Give it on every replica where some lock has a ttl above `ttl`.
   */
  readonly maxTtl?: Duration | undefined;
  /**
   * Every node keeps every write over a restart (`appendfsync always`), so that a restarted node grants locks at once; default false. Set
   * it alike on every replica: a replica that sets it vouches for the nodes to all others.
   */
  readonly persistent?: boolean | undefined;
  /**
   * false: a node that was restarted, emptied or is new grants locks at once, so that two holders of a lock are possible after a restart.
   * For tests and development, where Redis has just been started. Default: true.
   */
  readonly quarantine?: boolean | undefined;
  /** A name for the list of nodes, where replicas reach the same nodes under different addresses. */
  readonly nodeList?: string | undefined;
  /**
   * Maps a prefixed lock name to its Redis key; default `coordination:lock:` + the name. It must be a pure function: the same key for a
   * name each time, on every replica. The driver calls it once for each acquisition.
   */
  readonly lockKey?: ((name: string) => string) | undefined;
}
