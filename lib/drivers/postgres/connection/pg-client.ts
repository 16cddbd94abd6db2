/** A client of `pg`, by what is used of it: applications may have another version than this package was built with. */
export interface PgClient {
  connect(): Promise<unknown>;
  query(text: string, values?: readonly unknown[]): Promise<PgResult>;
  query(statement: PgStatement): Promise<PgResult>;
  end(): Promise<void>;
  on(event: 'error' | 'end' | 'notification', listener: (what: never) => void): unknown;
  /** As the server told it at the connect; a pooler tells one of its own. */
  readonly processID?: number | null;
  readonly connection?: { readonly stream?: { destroy(): unknown } };
}

export interface PgStatement {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** How long this one may take, ms. */
  readonly query_timeout: number;
}

export interface PgResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export interface PgNotification {
  readonly payload?: string | undefined;
}

export type PgClientClass = new (config: object) => PgClient;

/** How the clients of one driver are made. */
export interface PgClients {
  /** The server as logs name it: host, port and database. */
  readonly name: string;
  readonly commandTimeout: number;
  /** Makes a client that has not connected yet. */
  create(): Promise<PgClient>;
}
