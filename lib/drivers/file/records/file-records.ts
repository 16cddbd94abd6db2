import { type FSWatcher, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../../common/clock.js';
import type { NewRecord, RecordStore, StoredRecord, Watch } from '../../driver.js';
import { isNewer } from '../../records.js';
import type { StateDirectory } from '../directory/index.js';
import { type NativeLock, recordBusy } from '../kernel/index.js';
import { isRecordName, readRecord, removeRecord, withRecord } from './record-file.js';

/** How long to wait for another process that has a record locked, ms: it needs well under 1 ms. */
const LONGEST_WAIT = 1000;
const PAUSE = 5;

const WHAT = 'store a record';

export interface FileRecordsContext {
  readonly clock: Clock;
  readonly directory: StateDirectory;
  /** @throws BackendUnavailableError when the driver does not run */
  readonly native: () => NativeLock;
  /** @throws BackendUnavailableError where the work throws */
  readonly attempt: <T>(what: string, path: string, work: () => T) => T;
  /** Rejects when the driver may store nothing. */
  readonly beforePut: () => Promise<void>;
}

/** Records as files of one folder. They outlive the process that wrote them, and expire by this machine's clock. */
export class FileRecords implements RecordStore {
  readonly #watchers = new Set<FSWatcher>();

  constructor(private readonly context: FileRecordsContext) {}

  async put(record: NewRecord, ttl: number): Promise<StoredRecord> {
    const { beforePut, clock, native } = this.context;
    const path = this.#pathOf(record.space, record.key);
    await beforePut();
    return this.#untilFree(path, () =>
      withRecord(path, native(), clock.wall(), (there, write): StoredRecord => {
        if (there && !isNewer(record, there)) return there;
        write(record, ttl);
        return { ...record, remaining: ttl, at: clock.wall() };
      }),
    );
  }

  async get(space: string, key: string): Promise<StoredRecord | undefined> {
    this.context.native();
    return this.#read(this.#pathOf(space, key));
  }

  async remove(space: string, key: string, version: number): Promise<void> {
    const { clock, native } = this.context;
    const path = this.#pathOf(space, key);
    await this.#untilFree(path, () => removeRecord(path, native(), clock.wall(), version) || 'busy');
  }

  async list(space: string): Promise<readonly StoredRecord[]> {
    this.context.native();
    const { directory, attempt } = this.context;
    const folder = directory.records;
    const names = attempt('list the records', folder, () => readdirSync(folder));
    const prefix = directory.recordPrefix(space);
    return names
      .filter((name) => isRecordName(name, prefix))
      .flatMap((name) => this.#read(join(folder, name)) ?? []);
  }

  watch(space: string, onChange: () => void): Watch {
    const { directory } = this.context;
    const prefix = directory.recordPrefix(space);
    let watcher: FSWatcher;
    try {
      watcher = watch(directory.records, { persistent: false }, (_event, name) => {
        if (name === null || isRecordName(name, prefix)) onChange();
      });
    } catch {
      // The system has no watches left: no change will be reported.
      return { ready: Promise.resolve(), [Symbol.dispose]: () => undefined };
    }
    // After an error the watcher ends by itself, and no further change is reported.
    watcher.on('error', () => undefined);
    this.#watchers.add(watcher);
    const end = (): void => {
      this.#watchers.delete(watcher);
      watcher.close();
    };
    return { ready: Promise.resolve(), [Symbol.dispose]: end };
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers.clear();
  }

  #pathOf(space: string, key: string): string {
    return this.context.directory.record(space, key);
  }

  #read(path: string): StoredRecord | undefined {
    const { attempt, clock } = this.context;
    return attempt('read a record', path, () => readRecord(path, clock.wall()));
  }

  async #untilFree<T>(path: string, work: () => T | 'busy'): Promise<T> {
    const { attempt, clock } = this.context;
    const end = clock.monotonic() + LONGEST_WAIT;
    for (;;) {
      const result = attempt(WHAT, path, work);
      if (result !== 'busy') return result;
      if (clock.monotonic() >= end) throw recordBusy(path);
      await new Promise<void>((resolve) => void clock.setTimer(PAUSE, resolve));
    }
  }
}
