/**
 * The part of a `pg` pool that this package uses. The driver never uses its connections: it makes its own, with the pool's options.
 * @publicApi
 */
export interface ReadyPostgresPool {
  /** The options that the pool was made with. */
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
   * A `Pool` of `pg`: the driver makes two connections of its own with its options. Or options of a `Client` beside a URL, such as `ssl`,
   * or `password` as a function, which pg calls at each connect.
   */
  readonly pool?: ReadyPostgresPool | object | undefined;
  /** Where tables and functions are; default `nest_coordination`. A plain name in lower case. */
  readonly schema?: string | undefined;
  /**
   * Whether a start creates missing tables and functions. Default: true, but false with NODE_ENV=production, where the role of an
   * application should not need that right; `postgresSchema()` has the SQL.
   */
  readonly migrate?: boolean | undefined;
  /**
   * How waiters learn that a lock is free. `true`: by LISTEN on the second connection. `false`: they look every 50 to 100 ms. A URL: by
   * LISTEN on a second connection to that server or session pooler, past a transaction pooler. Default: by LISTEN, unless the driver
   * finds a pooler on the way.
   */
  readonly listen?: boolean | string | undefined;
}
