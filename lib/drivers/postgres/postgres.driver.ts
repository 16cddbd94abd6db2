import type { Driver, DriverContext, DriverHealth, Grant, Traits } from '../driver.js';
import { Acquiring } from './acquiring.js';
import { Server, type ServerSettings } from './connection/index.js';
import { guardStatement } from './guard.js';
import { PostgresLocks } from './postgres-locks.js';
import { PostgresQueue } from './queue/index.js';
import { PostgresRecords } from './records/index.js';

/** The most leases that one statement renews: the server needs some 3 ms for them. */
const RENEWALS = 500;

/** The beginning of a notification about a record. The others begin with the id of a waiter. */
const OF_A_RECORD = '* ';

/**
 * Locks as rows of a PostgreSQL database, by the clock of that database.
 *
 * @example
 * const clients = await pgClients({ url: new Secret('postgres://localhost/app') }, 10_000);
 * const driver = new PostgresDriver({ clients, schema: 'nest_coordination', migrate: true, listen: undefined, ttl: 10_000 }, context);
 */
export class PostgresDriver implements Driver {
  readonly traits: Traits = { lifetime: 'lease', modes: ['exclusive', 'shared'], renewBatch: RENEWALS };
  readonly description: string;
  readonly locks: PostgresLocks;
  readonly queue: PostgresQueue;
  readonly records: PostgresRecords;
  readonly #server: Server;

  constructor(settings: ServerSettings, context: DriverContext) {
    const server = new Server(settings, context, {
      onNotification: (payload) => this.#onNotification(payload),
      onMissed: () => {
        this.locks.giveBackLeft();
        this.queue.wakeAll();
        this.records.onMissed();
      },
    });
    const acquiring = new Acquiring(server, context.random);
    this.#server = server;
    this.description = `postgres ${server.name.replace(/^PostgreSQL /, '')} (schema ${settings.schema})`;
    this.locks = new PostgresLocks(server, acquiring, context.clock);
    this.queue = new PostgresQueue({ acquiring, locks: this.locks, clock: context.clock });
    this.records = new PostgresRecords(server, context);
  }

  start(): Promise<void> {
    return this.#server.start();
  }

  async stop(): Promise<void> {
    this.records.stop();
    await this.#server.stop();
  }

  health(): DriverHealth {
    const { name, up } = this.#server;
    return { nodes: [{ name, up }], quorum: 1 };
  }

  guard(grant: Grant, idle: number): string {
    return guardStatement(this.#server.schema, grant, idle);
  }

  #onNotification(payload: string): void {
    if (payload.startsWith(OF_A_RECORD)) this.records.onNotification(payload.slice(OF_A_RECORD.length));
    else this.queue.onNotification(payload);
  }
}
