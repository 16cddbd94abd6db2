import type { RedisOptions } from 'ioredis';

/** @publicApi */
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
  readonly username?: Credential | undefined;
  readonly password?: Credential | undefined;
}

/**
 * A ready ioredis client, Redis or Cluster, by what is used of it: those of ioredis 4, 5 and 6 have classes of their own.
 * @publicApi
 */
export interface ReadyRedisClient {
  readonly status: string;
  readonly options: object;
  evalsha(...args: never[]): unknown;
  duplicate(...args: never[]): unknown;
}
