/**
 * A pool of `pg`, by what is used of it. Its own connections are never used: those of the driver are made with its options.
 * @publicApi
 */
export interface ReadyPostgresPool {
  /** The options that it was made with. */
  readonly options: object;
  /** The class of its connections. */
  readonly Client?: unknown;
  /** Lends one of its connections. */
  connect(...args: never[]): unknown;
  /** Runs one statement on one of its connections. */
  query(...args: never[]): unknown;
}

/**
 * The options of `postgres`. All but `pool` may be in the query of the URL too.
 * @publicApi
 */
export interface PostgresBackendOptions {
  /**
   * A `Pool` of `pg`, with whose options the driver makes two connections of its own; or options of a `Client` beside a URL, such as
   * `ssl`, or `password` as a function that is asked at each connect.
   */
  readonly pool?: ReadyPostgresPool | object | undefined;
  /** Where tables and functions are; default `nest_coordination`. A plain name in lower case. */
  readonly schema?: string | undefined;
  /**
   * Whether a start creates tables and functions that are missing. Default: true, and false with NODE_ENV=production, where the role of
   * an application should not need the right; `postgresSchema()` has the SQL.
   */
  readonly migrate?: boolean | undefined;
  /**
   * How waiters are told that a lock is free: `true` by LISTEN on the second connection, `false` not at all (they look every 50 to 100 ms),
   * or the URL of a server or session pooler that leads past a transaction pooler, for that connection. Default: by LISTEN, unless a
   * pooler is found on the way.
   */
  readonly listen?: boolean | string | undefined;
}
