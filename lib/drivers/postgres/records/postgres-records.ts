import type { DriverContext, NewRecord, RecordStore, StoredRecord, Watch } from '../../driver.js';
import type { Server } from '../connection/index.js';
import { decoded, encoded, keyOf, nameOf } from '../names.js';
import { RecordWatches } from './record-watches.js';

type Row = Readonly<Record<string, unknown>>;

/** The records: rows of the table `record`. */
export class PostgresRecords implements RecordStore {
  readonly #server: Server;
  readonly #watches: RecordWatches;

  constructor(server: Server, context: DriverContext) {
    this.#server = server;
    this.#watches = new RecordWatches(server, context);
  }

  async put({ space, key, version, value }: NewRecord, ttl: number): Promise<StoredRecord> {
    const text = `SELECT * FROM ${this.#server.schema}.put_record_1($1, $2, $3, $4, $5)`;
    const values = [space, keyOf(key), version, encoded(value), Math.max(1, ttl)];
    const { rows } = await this.#server.keepUp('store a record', text, values);
    return recordOf(space, key, rows[0] ?? {});
  }

  async get(space: string, key: string): Promise<StoredRecord | undefined> {
    const { rows } = await this.#read('AND key = $2', [space, keyOf(key)]);
    return rows[0] && recordOf(space, key, rows[0]);
  }

  async remove(space: string, key: string, version: number): Promise<void> {
    const text = `SELECT ${this.#server.schema}.remove_record_1($1, $2, $3)`;
    await this.#server.keepUp('remove a record', text, [space, keyOf(key), version]);
  }

  async list(space: string): Promise<readonly StoredRecord[]> {
    const { rows } = await this.#read('', [space]);
    return rows.map((row) => recordOf(space, nameOf(String(row['key'])), row));
  }

  watch(space: string, onChange: () => void): Watch {
    return this.#watches.watch(space, onChange);
  }

  onNotification(space: string): void {
    this.#watches.tell(space);
  }

  /** Called when notifications may have been missed. */
  onMissed(): void {
    this.#watches.renew();
  }

  stop(): void {
    this.#watches.stop();
  }

  #read(where: string, values: readonly unknown[]): Promise<{ readonly rows: readonly Row[] }> {
    return this.#server.keepUp(
      'read records',
      `SELECT key, version, value, extract(epoch FROM expires_at - clock_timestamp()) * 1000 AS remaining,
        extract(epoch FROM clock_timestamp()) * 1000 AS at
        FROM ${this.#server.schema}.record WHERE space = $1 AND expires_at > clock_timestamp() ${where}`,
      values,
    );
  }
}

function recordOf(space: string, key: string, { version, value, remaining, at }: Row): StoredRecord {
  return {
    space,
    key,
    version: Number(version),
    value: decoded(String(value)),
    remaining: Math.max(0, Number(remaining)),
    at: Number(at),
  };
}
