/** The part of a client of `pg` that this package uses. Applications may have another version of `pg` than this package was built with. */
export interface PgClient {
  connect(): Promise<unknown>;
  query(text: string, values?: readonly unknown[]): Promise<PgResult>;
  query(statement: PgStatement): Promise<PgResult>;
  end(): Promise<void>;
  on(event: 'error' | 'end' | 'notification', listener: (what: never) => void): unknown;
  /** The backend's process id, as the server sent it at the connect. A pooler sends one of its own. */
  readonly processID?: number | null;
  readonly connection?: { readonly stream?: { destroy(): unknown } };
}

export interface PgStatement {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** How long this statement may take, ms. */
  readonly query_timeout: number;
}

export interface PgResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

export interface PgNotification {
  readonly payload?: string | undefined;
}

export type PgClientClass = new (config: object) => PgClient;

/** Makes the clients of one driver. */
export interface PgClients {
  /** The server's name in logs: host, port and database. */
  readonly name: string;
  readonly commandTimeout: number;
  /** Makes a client that is not connected yet. */
  create(): Promise<PgClient>;
}
